// Every message quoted in docs/troubleshooting.md exists in the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const SOURCES = ['src', 'scripts', 'native', 'tools']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
  .filter((path) => /\.(ts|mts|mjs|cc|h)$/.test(path))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n')
  .replace(/['"`]\s*\+?\s*['"`]/g, '') // texts that are put together from parts
  .replace(/\s+/g, ' ');

/** The quoted messages of the tables' first columns, cut at what stands for other words. */
const QUOTED = readFileSync('docs/troubleshooting.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));
const PARTS = QUOTED.flatMap((text) => text.split(/\.\.\.|…|\bN\b|\d[\d,.]*/)).map((part) =>
  part.trim().replace(/[\s,;:[\]]+$/, ''),
);

test('quotes messages', () => {
  expect(QUOTED.length).toBeGreaterThan(15);
});

test.each([...new Set(PARTS.filter((part) => /\w{3}/.test(part)))])('the code says: %s', (part) => {
  expect(SOURCES.includes(part.replace(/^[\s,;:\]]+/, '')) ? part : 'is in no source').toBe(part);
});
