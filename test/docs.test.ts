// Runs every TypeScript block of the README and of docs/, with small stand-ins for checkpoints and features.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import typescript from 'typescript';
import * as surface from '../src/node.js';
import { cacheRoot } from '../src/platform/cache-root.js';
import { hubSnapshot } from './helpers/files/hub-cache.js';
import { PAGES } from './helpers/command-line/shell-blocks.js';
import { tinyModel } from './helpers/models/tiny-model.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';
import { DETECTOR_FILES, narrowDetector } from './vision/narrow.js';

interface Block {
  page: string;
  line: number;
  /** What the fence says beside the language. */
  mark: string;
  /** The line above the fence: the reason of a block that does not run. */
  above: string;
  code: string;
}

/** Its examples show one detector's features: test/models/examples.test.ts runs them. */
const TESTED_ELSEWHERE = 'docs/examples.md';
const BLOCKS = PAGES.filter((page) => page !== TESTED_ELSEWHERE).flatMap(blocksOf);
/** Tested on its own. */
const FIRST_RESULT = BLOCKS.find(({ page }) => page === 'README.md');

/** What blocks print, where a page states it. */
const PRINTED: Record<string, RegExp> = {
  'README.md: Load a checkpoint': /^\[\s*\[\s*\{\s*index: \d+,\s*answer: 'answer \d+',\s*score: /,
};

function blocksOf(page: string): Block[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^```(?:ts|typescript|js|javascript)\b(.*)\n([\s\S]*?)^```/gm)].map(
    ({ 1: mark = '', 2: code = '', index }) => {
      const before = text.slice(0, index).trimEnd().split('\n');
      return {
        page,
        line: text.slice(0, index).split('\n').length,
        mark: mark.trim(),
        above: before.at(-1) ?? '',
        code,
      };
    },
  );
}

/** The heading that a block stands below. */
function headingOf({ page, line }: Block): string {
  const above = readFileSync(page, 'utf8')
    .split('\n')
    .slice(0, line - 1);
  return above.findLast((text) => /^#+ /.test(text))?.replace(/^#+ /, '') ?? '';
}

const hasEngine = surface.startBackend.backend === 'tensorflow';
const needsEngine = ({ code }: Block): boolean =>
  /createTrainingStep|createState/.test(code) && !code.includes('compile: false');
if (!hasEngine) process.stderr.write(`skipped: blocks that train on the engine; ${surface.startBackend.reason}\n`);

const WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] what is the man eating who apple a in cat color it ? .'.split(' ');

/** What blocks name and a test has no copy of, with what stands in for it. */
const STAND_INS: readonly (readonly [string, string])[] = [
  // the preset with few channels, as `pytorch_model.bin` has it
  ["detector: 'vg-r101-c4'", `detector: ${JSON.stringify(narrowDetector('vg-r101-c4'))}`],
];

/** What TensorFlow.js prints in Node when a block imports the browser's entry. */
const HINT = /^\n?=+\nHi, looks like you are running TensorFlow\.js in Node\.js\..*\n=+\n/m;

/** Answers requests to example.org from the current folder. */
const SERVER = `
import { existsSync, readFileSync } from 'node:fs';
const { fetch } = globalThis;
globalThis.fetch = async (url, init) => {
  const { hostname, pathname } = new URL(url);
  if (hostname !== 'example.org') return fetch(url, init);
  const path = '.' + pathname;
  return existsSync(path) ? new Response(readFileSync(path)) : new Response(null, { status: 404 });
};
`;

/** A detector of random weights, as `findDetector` finds it in the package's cache, and the engine in the same cache. */
async function writeCache(cache: string): Promise<void> {
  mkdirSync(cache);
  const installed = cacheRoot();
  for (const name of existsSync(installed) ? readdirSync(installed) : [])
    if (name !== 'detectors') symlinkSync(join(installed, name), join(cache, name));
  const folder = join(cache, 'detectors', 'mmf-x101');
  const head = { kind: 'layers', width: 2048 } as const;
  const detector = new surface.TrainableDetector({ ...narrowDetector('detectron1-r101-fpn'), head }, { seed: 1 });
  await detector.savePretrained(folder);
  detector.dispose();
  const config = join(folder, 'config.json');
  const settings = JSON.parse(readFileSync(config, 'utf8')) as object;
  writeFileSync(config, JSON.stringify({ ...settings, name: 'mmf-x101' }));
}

/** A model with answers in the web format, and one for onnxruntime. */
async function writeConverted(files: string, vqa: string): Promise<void> {
  const named = join(root, 'named');
  const model = tinyModel('VisualBertForQuestionAnswering', {
    vocabSize: WORDS.length,
    numLabels: 3,
    id2label: { 0: '<unk>', 1: 'yes', 2: 'no' },
  });
  await model.savePretrained(named);
  model.dispose();
  writeFileSync(join(named, 'vocab.txt'), `${WORDS.join('\n')}\n`);
  await surface.convertCheckpoint(named, { outDir: join(files, 'web'), format: 'tfjs' });
  await surface.convertCheckpoint(vqa, { outDir: join(files, 'onnx'), format: 'onnx' });
}

let root = '';
beforeAll(async () => {
  root = temporaryFolder();
  const cache = join(root, 'hub');
  const answers = ['<unk>', ...Array.from({ length: 3128 }, (_, i) => `answer ${i}`)];
  for (const id of ['uclanlp/visualbert-vqa', 'bert-base-uncased'])
    writeFileSync(join(hubSnapshot(cache, id), 'vocab.txt'), `${WORDS.join('\n')}\n`);
  const model = tinyModel('VisualBertForQuestionAnswering', {
    vocabSize: WORDS.length,
    visualEmbeddingDim: 2048,
    maxPositionEmbeddings: 64,
    numLabels: answers.length,
  });
  await model.savePretrained(hubSnapshot(cache, 'uclanlp/visualbert-vqa'));
  model.dispose();
  const files = join(root, 'files');
  mkdirSync(files);
  writeFileSync(join(files, 'answers_vqa.txt'), `${answers.join('\n')}\n`);
  const regions = Buffer.from(new Float32Array(3 * 2048).fill(0.5).buffer).toString('base64');
  const boxes = Buffer.from(Float32Array.of(0, 0, 9, 9, 1, 1, 8, 8, 2, 2, 7, 7).buffer).toString('base64');
  writeFileSync(
    join(files, 'trainval_resnet101_faster_rcnn_genome_36.tsv'),
    ['397133', 10, 10, 3, boxes, regions].join('\t') + '\n',
  );
  writeFileSync(join(files, 'server.mjs'), SERVER);
  copyFileSync(join('test', 'fixtures', 'vcr', 'still.jpg'), join(files, 'photo.jpg'));
  copyFileSync(join('test', 'fixtures', 'vision', DETECTOR_FILES['vg-r101-c4']), join(files, 'pytorch_model.bin'));
  await writeCache(join(root, 'cache'));
  await writeConverted(files, hubSnapshot(cache, 'uclanlp/visualbert-vqa'));
});

/** Runs code as a module of a project that has the package, and gives what it printed. */
function run(name: string, code: string): { stdout: string; folder: string } {
  const folder = projectFolder(name);
  const small = STAND_INS.reduce((text, [named, standIn]) => text.replace(named, standIn), code);
  const { outputText } = typescript.transpileModule(small, {
    compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
  });
  writeFileSync(join(folder, 'first.mjs'), outputText);
  const { stdout, stderr, status } = node(folder, '--import', './server.mjs', 'first.mjs');
  expect({ status, stderr: stderr.replace(HINT, '') }).toEqual({ status: 0, stderr: '' });
  return { stdout, folder };
}

function node(folder: string, ...args: string[]): SpawnSyncReturns<string> {
  const env = {
    ...process.env,
    HF_HUB_CACHE: join(root, 'hub'),
    HF_HUB_OFFLINE: '1',
    VISUALBERT_CACHE: join(root, 'cache'),
  };
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env });
}

/** A folder with the package and the stand-ins for files. */
function projectFolder(name: string): string {
  const folder = join(root, name.replace(/\W+/g, '-'));
  mkdirSync(join(folder, 'node_modules', '@tensorflow'), { recursive: true });
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'visualbert-tfjs'));
  for (const other of ['onnxruntime-node', '@tensorflow/tfjs-backend-webgpu'])
    symlinkSync(resolve('node_modules', other), join(folder, 'node_modules', other));
  for (const file of readdirSync(join(root, 'files'))) symlinkSync(join(root, 'files', file), join(folder, file));
  return folder;
}

describe('blocks of the README and docs', () => {
  test('import only what the package exports', () => {
    const names = BLOCKS.flatMap(({ code }) =>
      [...code.matchAll(/import \{([^}]*)\} from 'visualbert-tfjs\/node'/g)].flatMap(({ 1: list = '' }) =>
        list.split(',').map((name) => name.trim()),
      ),
    );
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !(name in surface))).toEqual([]);
  });

  test('run, or say above themselves why they cannot', () => {
    const silent = BLOCKS.filter(
      ({ mark, above }) => mark !== '' && !(mark === 'no-run' && /^<!-- no-run: .+ -->$/.test(above)),
    );
    expect(silent.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
  });

  const unrun = BLOCKS.filter(({ mark }) => mark === 'no-run');
  test.each(unrun)('$page:$line has the right types, at least', ({ page, line, above, code }) => {
    process.stderr.write(`${page}:${line}: only its types are checked;${above.replace(/<!--.*?no-run:|-->/g, '')}\n`);
    const path = join(projectFolder(`types ${page} ${line}`), 'block.mts');
    writeFileSync(path, code);
    const program = typescript.createProgram([path], {
      ...{ module: typescript.ModuleKind.NodeNext, target: typescript.ScriptTarget.ES2022, strict: true },
      ...{ noEmit: true, skipLibCheck: true, types: [], preserveSymlinks: false },
    });
    const messages = typescript.getPreEmitDiagnostics(program).map(({ messageText }) => messageText);
    expect(messages).toEqual([]);
  });

  for (const block of BLOCKS.filter((one) => one.mark === '' && one !== FIRST_RESULT)) {
    const name = `${block.page}: ${headingOf(block)}`;
    (hasEngine || !needsEngine(block) ? test : test.skip)(`${name} (line ${block.line})`, () => {
      const { stdout } = run(`${block.page} ${block.line}`, block.code);
      expect(stdout).toMatch(PRINTED[name] ?? /^/);
    });
  }
});

(hasEngine ? test : test.skip)(
  'the README reaches a first result in ten lines: the loss falls and the saved folder is complete',
  () => {
    const code = FIRST_RESULT?.code ?? '';
    const lines = code.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('import'));
    expect(lines.length).toBeLessThanOrEqual(10);
    const { stdout, folder } = run('first result', code);
    const losses = stdout.trim().split('\n').map(Number);
    expect(losses).toHaveLength(20);
    expect(losses[0]).toBeCloseTo(Math.log(3), 0); // three classes, nothing learnt yet
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 4);
    expect(readdirSync(join(folder, 'my-visualbert')).sort()).toEqual(['config.json', 'model.safetensors']);
  },
);

test('every table is whole: a header, a line of dashes, and rows of as many cells', () => {
  const damaged = PAGES.flatMap((page) => {
    const lines = readFileSync(page, 'utf8')
      .replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''))
      .split('\n');
    const isRow = (line: string | undefined): boolean => line?.startsWith('|') ?? false;
    const cells = (line = ''): number => line.replace(/`[^`]*`|\\\|/g, '').split('|').length;
    return lines.flatMap((line, i) => {
      if (!isRow(line)) return [];
      const first = lines.findLastIndex((one, j) => j <= i && !isRow(one)) + 1;
      const isWhole = /^\|(?: ?:?-+:? ?\|)+$/.test(lines[first + 1] ?? '') && cells(line) === cells(lines[first]);
      return isWhole ? [] : [`${page}:${i + 1}`];
    });
  });
  expect(damaged).toEqual([]);
});

test('every page of docs is in the sidebar of the site', () => {
  const config = readFileSync('docs/.vitepress/config.mts', 'utf8');
  const pages = PAGES.filter((page) => page.startsWith('docs/')).map((page) =>
    page.slice('docs'.length, -'.md'.length),
  );
  expect(pages.filter((page) => page !== '/index' && !config.includes(`'${page}')`))).toEqual([]);
});

describe('docs/install.md', () => {
  test('is right about CommonJS: import() works, and require says so', () => {
    const folder = projectFolder('commonjs');
    const print = 'console.log(typeof visualbert.VisualBertModel)';
    const asked = node(folder, '-e', `import('visualbert-tfjs/node').then((visualbert) => ${print})`);
    expect(asked.stdout).toBe('function\n');
    expect(node(folder, '-e', "require('visualbert-tfjs/node')").stderr).toMatch(
      /visualbert-tfjs\/node is an ES module\. In CommonJS write: .*await import\('visualbert-tfjs\/node'\)/,
    );
  });

  test('is right about tf.getBackend(), which answers before the first operation', () => {
    const { backend } = surface.startBackend;
    const code = "import { tf } from 'visualbert-tfjs/node'; console.log(tf.getBackend());";
    expect(run('backend', code).stdout).toBe(`${backend}\n`);
  });
});
