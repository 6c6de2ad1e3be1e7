// Runs every TypeScript block of the README and of docs/, with small stand-ins for checkpoints and features.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import typescript from 'typescript';
import * as surface from '../src/node.js';
import { hubSnapshot } from './helpers/files/hub-cache.js';
import { PAGES } from './helpers/command-line/shell-blocks.js';
import { tinyModel } from './helpers/models/tiny-model.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

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
});

/** Runs code as a module of a project that has the package, and gives what it printed. */
function run(name: string, code: string): { stdout: string; folder: string } {
  const folder = projectFolder(name);
  const { outputText } = typescript.transpileModule(code, {
    compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
  });
  writeFileSync(join(folder, 'first.mjs'), outputText);
  const { stdout, stderr, status } = node(folder, 'first.mjs');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return { stdout, folder };
}

function node(folder: string, ...args: string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, HF_HUB_CACHE: join(root, 'hub'), HF_HUB_OFFLINE: '1' };
  return spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env });
}

/** A folder with the package and the stand-ins for files. */
function projectFolder(name: string): string {
  const folder = join(root, name.replace(/\W+/g, '-'));
  mkdirSync(join(folder, 'node_modules', '@tensorflow'), { recursive: true });
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'visualbert-tfjs'));
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
