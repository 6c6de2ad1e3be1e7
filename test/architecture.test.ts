// Imports only go down: each module imports from the modules listed for it and from nothing else.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const ROOT = resolve('.');

/**
 * Module -> modules that it imports from, exactly: an edge that is no longer used has to go. `shared` is every file directly in src but
 * the two entry points; every module may use it. Sub-folders of engine, training, tasks and models are modules of their own.
 */
const EDGES: Record<string, readonly string[]> = {
  shared: [],
  tfjs: [],
  calls: [],
  random: [],
  html: [],
  platform: [],
  formats: ['platform'],
  checkpoint: ['formats'],
  pictures: ['formats', 'html', 'platform'],
  layers: ['random'],
  config: ['layers', 'platform'],
  'models/pretrained': ['checkpoint', 'config', 'layers', 'platform'],
  webgpu: ['random'],
  'models/inputs': ['config'],
  models: ['config', 'layers', 'models/inputs', 'models/pretrained', 'platform', 'random', 'webgpu'],
  'engine/load': ['platform'],
  'engine/install': ['engine/load', 'formats', 'platform'],
  'engine/recording': ['engine/load'],
  'engine/kernels': ['engine/load', 'engine/recording', 'random'],
  'engine/session': ['calls', 'engine/kernels', 'engine/load', 'engine/recording', 'platform'],
  engine: ['engine/kernels', 'engine/load', 'webgpu'],
  features: ['checkpoint', 'formats', 'pictures', 'platform', 'random'],
  processing: ['config', 'features', 'platform'],
  records: ['features', 'formats', 'platform', 'processing'],
  metrics: ['features', 'formats', 'platform', 'processing', 'records'],
  vision: [
    'calls',
    'checkpoint',
    'engine/session',
    'features',
    'layers',
    'models/pretrained',
    'pictures',
    'platform',
    'random',
    'records',
  ],
  convert: ['checkpoint', 'config', 'layers', 'models', 'models/pretrained', 'platform'],
  inference: ['engine/session', 'models', 'models/inputs', 'models/pretrained', 'webgpu'],
  'training/step': [
    'calls',
    'checkpoint',
    'engine/session',
    'formats',
    'inference',
    'models',
    'models/pretrained',
    'platform',
    'random',
  ],
  evaluation: ['inference', 'processing', 'random'],
  training: ['evaluation', 'inference', 'training/step'],
  'training/log': ['engine/session', 'platform'],
  'training/report': ['evaluation', 'html', 'platform', 'training', 'training/log', 'training/run-folder'],
  'training/run-folder': ['checkpoint', 'engine/load', 'platform', 'training', 'training/step'],
  cluster: ['engine/load', 'engine/session', 'platform', 'training/step'],
  'training/loop': [
    'cluster',
    'evaluation',
    'inference',
    'platform',
    'processing',
    'training',
    'training/log',
    'training/report',
    'training/run-folder',
    'training/step',
  ],
  'tasks/shared': [
    'config',
    'evaluation',
    'features',
    'html',
    'inference',
    'models/pretrained',
    'platform',
    'processing',
  ],
  'tasks/answering': ['evaluation', 'features', 'metrics', 'platform', 'processing', 'records', 'tasks/shared'],
  'tasks/classification': ['evaluation', 'features', 'metrics', 'platform', 'processing', 'records', 'tasks/shared'],
  'tasks/grounding': ['evaluation', 'features', 'metrics', 'platform', 'processing', 'records', 'tasks/shared'],
  'tasks/vcr': ['evaluation', 'features', 'metrics', 'platform', 'processing', 'records', 'tasks/shared'],
  'tasks/pretraining': [
    'evaluation',
    'features',
    'inference',
    'processing',
    'random',
    'records',
    'tasks/answering',
    'tasks/grounding',
    'tasks/shared',
    'tasks/vcr',
  ],
  tasks: [
    'tasks/answering',
    'tasks/classification',
    'tasks/grounding',
    'tasks/pretraining',
    'tasks/shared',
    'tasks/vcr',
  ],
  pipelines: ['calls', 'config', 'features', 'inference', 'models', 'models/pretrained', 'platform', 'processing'],
  explain: ['config', 'evaluation', 'features', 'html', 'inference', 'pipelines', 'platform', 'processing', 'random'],
  runs: [
    'checkpoint',
    'config',
    'evaluation',
    'explain',
    'features',
    'inference',
    'models',
    'models/pretrained',
    'pictures',
    'pipelines',
    'platform',
    'processing',
    'tasks',
    'tasks/grounding',
    'tasks/shared',
    'tasks/vcr',
    'training',
    'training/loop',
    'training/run-folder',
    'vision',
  ],
  doctor: ['engine', 'engine/install', 'engine/load', 'platform'],
  serve: ['explain', 'features', 'html', 'pictures', 'pipelines', 'platform', 'processing'],
  index: [
    'checkpoint',
    'config',
    'convert',
    'evaluation',
    'explain',
    'features',
    'formats',
    'html',
    'inference',
    'layers',
    'models',
    'models/inputs',
    'models/pretrained',
    'pictures',
    'pipelines',
    'platform',
    'processing',
    'random',
    'training/step',
    'vision',
  ],
  node: [
    'checkpoint',
    'cluster',
    'convert',
    'doctor',
    'engine',
    'engine/install',
    'engine/load',
    'engine/session',
    'evaluation',
    'explain',
    'features',
    'index',
    'metrics',
    'pictures',
    'pipelines',
    'platform',
    'processing',
    'records',
    'runs',
    'serve',
    'tasks',
    'tasks/shared',
    'training',
    'training/log',
    'training/loop',
    'training/report',
    'training/step',
    'vision',
  ],
  scripts: [
    'cluster',
    'convert',
    'engine',
    'explain',
    'features',
    'node',
    'pictures',
    'runs',
    'serve',
    'training/run-folder',
    'training/step',
    'vision',
  ],
  examples: ['index', 'node'],
};

/** Folders whose sub-folders are modules. */
const DIVIDED = new Set(['engine', 'training', 'tasks', 'models']);

/** Packages that only one module may import. */
const OWNED_PACKAGES: Record<string, string> = {
  '@tensorflow/tfjs-node-gpu': 'engine/load',
  tokenizers: 'platform',
  '@huggingface/tokenizers': 'platform',
  sharp: 'pictures',
  tinyglobby: 'pictures',
  h5wasm: 'formats',
  hyparquet: 'formats',
  fastify: 'serve',
  'fastify-type-provider-zod': 'serve',
  '@fastify/swagger': 'serve',
  '@fastify/swagger-ui': 'serve',
  'prom-client': 'serve',
};

/** Imports that Node and browsers resolve to different files (package.json), and the folder of both. */
const HOSTED: Readonly<Record<string, string>> = { '#platform': 'src/platform', '#vision': 'src/vision/host' };

function files(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : /\.c?ts$/.test(path) ? [path] : [];
  });
}

function moduleOf(path: string): string {
  const [top = '', folder = '', inner = '', rest] = relative(ROOT, path).split(sep);
  if (top !== 'src') return top;
  if (inner === '') return folder === 'index.ts' ? 'index' : folder === 'node.ts' ? 'node' : 'shared';
  return DIVIDED.has(folder) && rest !== undefined ? `${folder}/${inner}` : folder;
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
  const hosted = HOSTED[specifier];
  if (hosted !== undefined) return join(ROOT, hosted, 'node.ts');
  if (!specifier.startsWith('.')) return null;
  return resolve(dirname(from), specifier.replace(/\.js$/, '.ts'));
}

describe('architecture', () => {
  test('a module imports from exactly the modules listed for it', () => {
    const found: Record<string, Set<string>> = {};
    for (const path of SOURCES) {
      const from = moduleOf(path);
      const edges = (found[from] ??= new Set());
      for (const specifier of importsOf(path)) {
        const target = resolveImport(path, specifier);
        if (target === null) continue;
        const to = moduleOf(target);
        if (to !== from && to !== 'shared') edges.add(to);
      }
    }
    const sorted = Object.entries(found).map(([from, edges]) => [from, [...edges].sort()] as const);
    expect(Object.fromEntries(sorted)).toEqual(EDGES);
  });

  test('a file directly in src is imported by several modules', () => {
    const users = new Map<string, Set<string>>();
    for (const path of SOURCES) {
      for (const specifier of importsOf(path)) {
        const target = resolveImport(path, specifier);
        if (target === null || moduleOf(target) !== 'shared') continue;
        users.set(target, (users.get(target) ?? new Set()).add(moduleOf(path)));
      }
    }
    const single = [...users].filter(([, modules]) => modules.size < 2);
    expect(single.map(([path, modules]) => `${relative(ROOT, path)}: only by ${[...modules].join()}`)).toEqual([]);
  });

  test('commands import the public surface, and what else they need in one file', () => {
    const isPublic = (specifier: string): boolean => !/\/src\//.test(specifier) || specifier.endsWith('/src/node.js');
    const internal = join(ROOT, 'scripts', 'flags', 'internal.ts');
    const others = files(join(ROOT, 'scripts')).filter((path) => path !== internal && !importsOf(path).every(isPublic));
    expect(others).toEqual([]);
  });

  test('modules form no cycle', () => {
    const reached = (from: string, seen: Set<string>): Set<string> => {
      for (const to of EDGES[from] ?? []) {
        if (seen.has(to)) continue;
        seen.add(to);
        reached(to, seen);
      }
      return seen;
    };
    expect(Object.keys(EDGES).filter((from) => reached(from, new Set()).has(from))).toEqual([]);
  });

  test('the table of docs/architecture.md is in the order of the imports', () => {
    const [table = ''] = readFileSync('docs/architecture.md', 'utf8').split('\n## ');
    const cells = [...table.matchAll(/^\| (files in `src`|`.*?`) \|/gm)].map(([, cell = '']) => cell);
    const rows = cells.map((cell) =>
      cell.startsWith('files')
        ? ['shared']
        : [...cell.matchAll(/`(?:src\/)?([\w/-]+?)(?:\/|\.ts)?`/g)].map(([, name = '']) => name),
    );
    const rowOf = (module: string): number => {
      const row = rows.findIndex((names) => names.includes(module));
      return row < 0 && module.includes('/') ? rowOf(dirname(module)) : row; // engine/load stands in the row of engine
    };
    const listed = Object.entries(EDGES).filter(([from]) => !['scripts', 'examples'].includes(from));
    const upwards = listed.flatMap(([from, edges]) =>
      edges.filter((to) => rowOf(to) < rowOf(from) || rowOf(to) < 0).map((to) => `${from} -> ${to}`),
    );
    expect(upwards).toEqual([]);
  });

  test('TensorFlow.js is imported through #tf, which Node loads faster', () => {
    const loads = (text: string): boolean => /(import|export)(?! type)[^;]*from '@tensorflow\/tfjs'/.test(text);
    const found = [...SOURCES, ...files(join(ROOT, 'bench'))].filter((path) => loads(readFileSync(path, 'utf8')));
    expect(found.map((path) => relative(ROOT, path))).toEqual([join('src', 'tfjs', 'browser.ts')]);
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

  test('a package with an owner is imported in its module only, and by examples', () => {
    const wrong = SOURCES.filter((path) => moduleOf(path) !== 'examples').flatMap((path) =>
      importsOf(path)
        .filter((s) => OWNED_PACKAGES[s] !== undefined && OWNED_PACKAGES[s] !== moduleOf(path))
        .map((s) => `${relative(ROOT, path)} -> ${s}`),
    );
    expect(wrong).toEqual([]);
  });

  test('nothing that the browser entry reaches imports from Node', () => {
    const reached = new Set<string>();
    const wrong: string[] = [];
    const walk = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const specifier of importsOf(path)) {
        if (specifier.startsWith('node:')) wrong.push(`${relative(ROOT, path)} -> ${specifier}`);
        const hosted = HOSTED[specifier];
        const target = hosted === undefined ? resolveImport(path, specifier) : join(ROOT, hosted, 'browser.ts');
        if (target !== null) walk(target);
      }
    };
    walk(join(ROOT, 'src/index.ts'));
    expect(wrong).toEqual([]);
    expect(reached.size).toBeGreaterThan(100); // the walk did follow the imports
  });

  test('no folder of sources has more than 20 files', () => {
    const counts = new Map<string, number>();
    for (const path of SOURCES) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > 20).map(([dir]) => relative(ROOT, dir))).toEqual([]);
  });
});
