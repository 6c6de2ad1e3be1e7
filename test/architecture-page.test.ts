// docs/architecture.md names files, functions and words that exist.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const PAGE = readFileSync('docs/architecture.md', 'utf8');
const SECTIONS = PAGE.split(/^## /m);
const section = (title: string): string => SECTIONS.find((text) => text.startsWith(title)) ?? '';

/** The text of a file, or of all files in a folder. */
function textOf(path: string): string {
  if (!statSync(path).isDirectory()) return readFileSync(path, 'utf8');
  return readdirSync(path)
    .map((name) => textOf(join(path, name)))
    .join('\n');
}

/** A path as the page writes it: below src or the project's folder; `*.ts` stands for the files of a folder. */
function located(path: string): string | undefined {
  const plain = path.endsWith('*.ts') ? dirname(path) : path;
  return [join('src', plain), plain].find((candidate) => existsSync(candidate));
}

/** Words of a text that only code has: `openTask(`, `padBatch`, `RegionFeatures`. */
function identifiers(text: string): string[] {
  const names = text.match(/\b(?:[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|TF_\w+)\b|\b[a-z]\w+(?=\()/g) ?? [];
  return names.filter((name) => !['TensorFlow', 'AdamW', 'function'].includes(name));
}

describe('the page on the architecture', () => {
  const steps = [...section('Three walks').matchAll(/```\n([^]*?)```/g)].flatMap(([, block = '']) =>
    block.trimEnd().split('\n'),
  );

  test('names files that exist and contain what the page names', () => {
    expect(steps.length).toBeGreaterThan(15);
    const wrong = steps.flatMap((step) => {
      const [path = '', ...words] = step.trim().split(/\s+/);
      const found = located(path);
      if (found === undefined) return [`${path} does not exist`];
      const text = textOf(found);
      const mentioned = words.join(' ');
      return identifiers(mentioned)
        .filter((name) => !new RegExp(`\\b${name}\\b`).test(text))
        .map((name) => `${path} does not mention ${name}`);
    });
    expect(wrong).toEqual([]);
  });

  test('lists folders and files that exist, each module of src among them', () => {
    const rows = (SECTIONS[0] ?? '').match(/^\| `.*$/gm) ?? [];
    const modules = rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, path]) => path),
    );
    expect(modules.filter((path) => located(path ?? '') === undefined)).toEqual([]);
    const folders = readdirSync('src').filter((name) => statSync(join('src', name)).isDirectory());
    expect(folders.filter((name) => !modules.includes(`${name}/`))).toEqual([]);
  });

  test('defines words by names that the code has', () => {
    const code = textOf('src');
    const names = [...section('Words').matchAll(/`([A-Z]\w+)`/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });
});
