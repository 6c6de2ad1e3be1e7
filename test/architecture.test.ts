// Imports only go down: a file imports from its own room or from a lower floor, never sideways, never upward.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const ROOT = resolve('.');

/** Room -> rooms that it may import besides itself. `floor0` is every file directly in src but the two entry points. */
const ALLOWED: Record<string, readonly string[]> = {
  floor0: [],
  random: ['floor0'],
  checkpoint: ['floor0'],
  platform: ['floor0'],
  engine: ['floor0', 'random', 'platform'],
  layers: ['floor0', 'random'],
  data: ['floor0', 'random', 'checkpoint', 'platform'],
  vision: ['floor0', 'checkpoint', 'platform', 'data'],
  models: ['floor0', 'random', 'layers', 'checkpoint', 'platform'],
  convert: ['floor0', 'checkpoint', 'platform', 'models'],
  training: ['floor0', 'random', 'checkpoint', 'platform', 'engine', 'layers', 'data', 'models'],
  tasks: ['floor0', 'random', 'checkpoint', 'platform', 'layers', 'data', 'models', 'training'],
  index: ['floor0', 'random', 'checkpoint', 'platform', 'layers', 'data', 'models', 'convert', 'training', 'tasks'],
  node: [
    'floor0',
    'random',
    'checkpoint',
    'platform',
    'engine',
    'layers',
    'data',
    'vision',
    'models',
    'convert',
    'training',
    'tasks',
    'index',
  ],
  scripts: ['node'],
  examples: ['node', 'index'],
};

/** Packages that only one room may touch. */
const OWNED_PACKAGES: Record<string, string> = {
  '@tensorflow/tfjs-node-gpu': 'engine',
  tokenizers: 'platform',
  '@huggingface/tokenizers': 'platform',
  sharp: 'vision',
};

function files(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') ? [path] : [];
  });
}

function roomOf(path: string): string {
  const parts = relative(ROOT, path).split(sep);
  if (parts[0] !== 'src') return parts[0] ?? '';
  if (parts.length > 2) return parts[1] ?? '';
  const file = parts[1] ?? '';
  return file === 'index.ts' ? 'index' : file === 'node.ts' ? 'node' : 'floor0';
}

const SOURCES = ['src', 'scripts', 'examples']
  .map((dir) => join(ROOT, dir))
  .filter((dir) => statSync(dir, { throwIfNoEntry: false }) !== undefined)
  .flatMap(files);

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s*['"]([^'"]+)['"]/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function resolveImport(from: string, specifier: string): string | null {
  if (specifier === '#platform') return join(ROOT, 'src/platform/node.ts');
  if (!specifier.startsWith('.')) return null;
  return resolve(dirname(from), specifier.replace(/\.js$/, '.ts'));
}

describe('architecture', () => {
  test('imports only go down', () => {
    const wrong = SOURCES.flatMap((path) =>
      importsOf(path).flatMap((specifier) => {
        const target = resolveImport(path, specifier);
        if (target === null) return [];
        const [from, to] = [roomOf(path), roomOf(target)];
        return from === to || ALLOWED[from]?.includes(to)
          ? []
          : [`${relative(ROOT, path)} -> ${specifier} (${from} -> ${to})`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('nothing that is built imports a test', () => {
    const wrong = [...SOURCES, ...files(join(ROOT, 'bench'))].flatMap((path) =>
      importsOf(path)
        .filter((specifier) => /\/test\//.test(specifier))
        .map((specifier) => `${relative(ROOT, path)} -> ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  test('files form no import cycle', () => {
    const graph = new Map(
      SOURCES.map((path) => [
        path,
        importsOf(path)
          .map((s) => resolveImport(path, s))
          .filter((p) => p !== null),
      ]),
    );
    const done = new Set<string>();
    const walk = (path: string, trail: string[]): string[] => {
      if (trail.includes(path))
        return [[...trail.slice(trail.indexOf(path)), path].map((p) => relative(ROOT, p)).join(' -> ')];
      if (done.has(path)) return [];
      const found = (graph.get(path) ?? []).flatMap((next) => walk(next, [...trail, path]));
      done.add(path);
      return found;
    };
    expect(SOURCES.flatMap((path) => walk(path, []))).toEqual([]);
  });

  test('a package with an owner is imported in its room only', () => {
    const wrong = SOURCES.flatMap((path) =>
      importsOf(path)
        .filter((s) => OWNED_PACKAGES[s] !== undefined && OWNED_PACKAGES[s] !== roomOf(path))
        .map((s) => `${relative(ROOT, path)} -> ${s}`),
    );
    expect(wrong).toEqual([]);
  });

  test('src never imports node built-ins outside platform, engine, data readers and the node entry', () => {
    const browserRooms = new Set(['floor0', 'random', 'checkpoint', 'layers', 'models', 'convert', 'index']);
    const wrong = SOURCES.flatMap((path) =>
      browserRooms.has(roomOf(path))
        ? importsOf(path)
            .filter((s) => s.startsWith('node:'))
            .map((s) => `${relative(ROOT, path)} -> ${s}`)
        : [],
    );
    expect(wrong).toEqual([]);
  });
});
