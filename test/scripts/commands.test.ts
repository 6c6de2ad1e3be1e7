// Every command, found through the help texts: help at any width, with valid examples, and --json for every result.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../scripts/commands.js';
import { foldHelp } from '../../scripts/terminal/help.js';
import { helpOf, refusal } from '../helpers/command-line/parse.js';
import { commandLines, wordsOf } from '../helpers/command-line/shell-blocks.js';

const ALL = [
  '',
  ...Object.entries(COMMANDS).flatMap(([name, below]) => [name, ...below.map((one) => `${name} ${one}`)]),
];

/** The commands that a help text lists. */
function listed(help: string): string[] {
  const [, block = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(help) ?? [];
  return [...block.matchAll(/^ {2}visualbert ((?:[a-z0-9-]+ ?)+)/gm)].map(({ 1: words = '' }) => words.trim());
}

/** The command lines among the examples of a help text, each with its meaning in a column of its own. */
function examplesOf(help: string): string[] {
  const [, block = ''] = /\nExamples:\n([\s\S]*?)(?:\n\n|$)/.exec(help) ?? [];
  const lines = block.split('\n').map((line) => line.trim().split(/ {2,}/)[0] ?? '');
  return lines.filter((line) => line !== '');
}

let help: Map<string, string>;
beforeAll(async () => {
  help = new Map();
  for (const command of ALL) help.set(command, await helpOf(command));
}, 60_000);

describe('every command', () => {
  test('is listed by the help of the one above it', () => {
    const names = listed(help.get('') ?? '').filter((name) => name !== 'completion');
    expect(names).toEqual(Object.keys(COMMANDS));
    for (const [command, below] of Object.entries(COMMANDS))
      expect([command, listed(help.get(command) ?? '')]).toEqual([command, below.map((name) => `${command} ${name}`)]);
  });

  test('has an example that is its own', () => {
    const without = [...help].filter(
      ([command, text]) => !text.includes(`\n  visualbert ${command.split(' ')[0]}`) || !text.includes('\nExamples:\n'),
    );
    expect(without.map(([command]) => command)).toEqual([]);
  });

  test('prints its result as JSON on demand', () => {
    const leaves = [...help].filter(([, text]) => listed(text).length === 0);
    expect(leaves.length).toBeGreaterThan(60);
    expect(leaves.filter(([, text]) => !/\s--json\s/.test(text)).map(([command]) => command)).toEqual([]);
  });

  test('is in docs/command-line.md', () => {
    const page = readFileSync('docs/command-line.md', 'utf8');
    expect(Object.keys(COMMANDS).filter((command) => !new RegExp(`\`${command}[ \`]`).test(page))).toEqual([]);
  });

  test.each([40, 60, 80, 100])('has help that fits into %i columns, with whole words and no escape codes', (width) => {
    for (const [command, text] of help) {
      const folded = foldHelp(text, width);
      const isText = (line: string): boolean => /^\s*(?:"[^"]*"|'[^']*')(?: \\)?$/.test(line); // is not parted
      const tooLong = folded
        .split('\n')
        .filter((line) => line.length > width && / /.test(line.replace(/ \\$/, '').trim()) && !isText(line));
      expect([command, tooLong]).toEqual([command, []]);
      expect(folded).not.toContain('\u001b');
      expect(folded.replaceAll(' \\\n', '\n').split(/\s+/)).toEqual(text.replaceAll(' [default: []]', '').split(/\s+/));
    }
  });
});

describe('examples', () => {
  test('of help texts are command lines that the parser takes', async () => {
    for (const [command, text] of help) {
      const examples = examplesOf(text).filter((line) => !line.endsWith('--help'));
      for (const line of examples)
        expect([command, line, await refusal(wordsOf(line).slice(1))]).toEqual([command, line, null]);
    }
  });

  test('of the README and docs are command lines that the parser takes', async () => {
    const lines = commandLines().filter(({ words }) => words[0] !== 'completion'); // yargs prints it while it parses
    expect(lines.length).toBeGreaterThan(40);
    const refused: unknown[] = [];
    for (const { page, line, words } of lines) {
      const reason = await refusal(words);
      if (reason !== null) refused.push(`${page}:${line}: ${words.join(' ')}: ${reason}`);
    }
    expect(refused).toEqual([]);
  });
});
