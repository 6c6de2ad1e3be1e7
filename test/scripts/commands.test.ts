// Every command, found by walking over the help texts: help with examples that parse, at any width; JSON wherever there is a result.
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { COMMANDS } from '../../scripts/commands.js';
import { helpOf, refusal } from './parse.js';
import { commandLines, wordsOf } from '../helpers/shell-blocks.js';

const COLUMNS = process.env['COLUMNS'];
afterEach(() => {
  if (COLUMNS === undefined) delete process.env['COLUMNS'];
  else process.env['COLUMNS'] = COLUMNS;
});

/** Help texts by the names of their commands, at a width. */
async function helpAt(width: number, commands: readonly string[]): Promise<Map<string, string>> {
  process.env['COLUMNS'] = String(width);
  const found = new Map<string, string>();
  for (const command of commands) found.set(command, await helpOf(command));
  return found;
}

const ALL = [
  '',
  ...Object.entries(COMMANDS).flatMap(([name, below]) => [name, ...below.map((one) => `${name} ${one}`)]),
];

/** The commands that a help text lists. */
function listed(help: string): string[] {
  const [, block = ''] = /\nCommands:\n([\s\S]*?)\n\n/.exec(help) ?? [];
  return [...block.matchAll(/^ {2}visualbert ((?:[a-z0-9-]+ ?)+)/gm)].map(({ 1: words = '' }) => words.trim());
}

/** The command lines among the examples of a help text as wide as it may be. */
function examplesOf(help: string): string[] {
  const [, block = ''] = /\nExamples:\n([\s\S]*?)(?:\n\n|$)/.exec(help) ?? [];
  const lines: string[] = [];
  // An example goes on in the lines below that are indented as deeply or more; its meaning stands in a column of its own.
  for (const line of block.split('\n')) {
    const text = line.trim().split(/ {2,}/)[0] ?? '';
    if (/^(?:[A-Z_]+=\S+ )?visualbert /.test(text)) lines.push(text);
    else if (lines.length > 0 && text !== '') lines.push(`${lines.pop()} ${text}`);
  }
  return lines;
}

let help: Map<string, string>;
beforeAll(async () => {
  help = await helpAt(100, ALL);
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

  test('stands in docs/command-line.md', () => {
    const page = readFileSync('docs/command-line.md', 'utf8');
    expect(Object.keys(COMMANDS).filter((command) => !new RegExp(`\`${command}[ \`]`).test(page))).toEqual([]);
  });

  test('has help that fits into 60 columns, cuts no name of a flag, and has no escape codes', async () => {
    // The tasks of a command have help texts of one form.
    const commands = ALL.filter(
      (command) => !/ /.test(command) || !/^(?:train|evaluate|predict|explain) (?!vcr$)/.test(command),
    );
    const width = 60;
    for (const [command, text] of await helpAt(width, commands)) {
      expect([command, text.split('\n').filter((line) => line.length > width)]).toEqual([command, []]);
      expect(text).not.toContain('\u001b');
      const flags = [...(help.get(command) ?? '').matchAll(/^ {2}(--[a-z0-9-]+)/gm)].map(({ 1: flag = '' }) => flag);
      expect([command, flags.filter((flag) => !new RegExp(`${flag}(?![a-z0-9-])`).test(text))]).toEqual([command, []]);
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
