// Every @example of a docstring in src runs as it stands there, with small stand-ins for checkpoints, pictures and features.
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createSink } from '../src/platform/node.js';
import { writeWhole } from '../src/byte-sink.js';
import { ZipWriter } from '../src/checkpoint/zip-writer.js';
import * as surface from '../src/node.js';
import { useBackend } from './helpers/backend.js';
import { hubSnapshot } from './helpers/files/hub-cache.js';
import { regionsOfImage, writeCheckpoint } from './helpers/models/pipeline-models.js';
import { tinyModel, type ModelName } from './helpers/models/tiny-model.js';
import { pointModel, points, pointTask } from './training/loop/tiny-task.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

interface Example {
  file: string;
  line: number;
  code: string;
}

/** Examples that need what no test can make small, and why. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'src/runs/open-picture-detector.ts':
    'it needs a detector, which no test has for the features of the stand-ins; test/runs/ask.test.ts opens one',
  'src/vision/pixel-detector.ts':
    'it needs a detector, which no test has for the features of the stand-ins; test/runs/ask.test.ts asks through one',
  'src/vision/region-detector.ts': 'the detectors known by name have weights of 200 MB and more',
  'src/vision/training/trainable-detector.ts':
    'it trains a detector, which examples/shapes/detector.ts does with pictures',
  'src/vision/weights/find.ts': 'the detectors known by name have weights of 200 MB and more',
  'src/runs/ask.ts':
    'it needs a detector, which no test has for the features of the stand-ins; test/runs/ask.test.ts asks',
  'src/vision/weights/convert.ts': 'the detectors known by name have weights of 200 MB and more',
};

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** The examples of a file: the lines behind the tag, up to the next tag or the end of the docstring. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^ *\* @example\b([^\n]*\n(?:(?! *\* @| *\*\/)[^\n]*\n)*)/gm)].map(
    ({ 1: block = '', index }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      code: block.replace(/^ *\* ?/gm, '').replace(/^```.*$/gm, ''),
    }),
  );
}

const FILES = sources('src');
const TEXTS = FILES.map((file) => readFileSync(file, 'utf8'));
const EXAMPLES = FILES.flatMap(examplesOf);
const RUN = EXAMPLES.filter(({ file }) => !(file in NOT_RUN));

/** An address that stands for any server, and the folder that stands for it. */
const [ADDRESS, SERVED] = ['https://example.org/my-vqa', 'runs/vqa'];

/** What examples take as given. */
const GIVEN = {
  readFile,
  regions: regionsOfImage(1),
  questions: [{ imageId: '1' }],
  warnings: [],
  task: pointTask,
  train: points(12, 1),
  validation: points(8, 2),
};

const WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] what is the man eating color bus a ?'.split(' ');
const HERE = process.cwd();
const environment = { ...process.env };
let root = '';

async function writeHub(cache: string): Promise<void> {
  const checkpoints: [string, ModelName, object][] = [
    ['uclanlp/visualbert-vqa-coco-pre', 'VisualBertForPreTraining', { visualEmbeddingDim: 2048 }],
    ['uclanlp/visualbert-vqa', 'VisualBertForQuestionAnswering', { visualEmbeddingDim: 2048, numLabels: 3129 }],
    ['uclanlp/visualbert-vcr', 'VisualBertForMultipleChoice', { visualEmbeddingDim: 512 }],
    ['uclanlp/visualbert-nlvr2', 'VisualBertForVisualReasoning', { visualEmbeddingDim: 1024, numLabels: 2 }],
  ];
  for (const [id, name, config] of checkpoints) {
    const model = tinyModel(name, { vocabSize: WORDS.length, maxPositionEmbeddings: 64, ...config });
    await model.savePretrained(hubSnapshot(cache, id));
    model.dispose();
  }
  for (const id of ['bert-base-uncased', 'uclanlp/visualbert-vqa'])
    writeFileSync(join(hubSnapshot(cache, id), 'vocab.txt'), `${WORDS.join('\n')}\n`);
}

/** The files that examples name. */
async function writeFiles(): Promise<void> {
  const { task, train, validation } = GIVEN;
  const run = { task, train, validation, model: pointModel(), outputDir: 'runs/vqa', epochs: 1 };
  await new surface.Trainer({ ...run, progress: surface.SILENT_PROGRESS }).train(); // a run to report on, then a model to ask
  const answers = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };
  const vqa = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: answers } });
  cpSync(vqa, 'runs/vqa', { recursive: true });
  const picture = join(HERE, 'test', 'fixtures', 'vcr', 'still.jpg');
  copyFileSync(picture, 'photo.jpg');
  mkdirSync('val2014');
  copyFileSync(picture, join('val2014', 'COCO_val2014_000000000042.jpg'));
  await writeWhole(await createSink('train2014.zip'), async (sink) => {
    const zip = new ZipWriter(sink);
    await zip.add('train2014/COCO_train2014_000000000009.jpg', readFileSync(picture));
    await zip.finish();
  });
  await surface.packFeatures(surface.memorySource('regions', [['1', regionsOfImage(1)]]), 'features.vbf');
  mkdirSync('visualbert-vcr');
  copyFileSync(
    join(HERE, 'test', 'fixtures', 'vcr', 'detector.safetensors'),
    join('visualbert-vcr', 'detector.safetensors'),
  );
}

beforeAll(async () => {
  await useBackend();
  root = temporaryFolder();
  const cache = join(root, 'hub');
  Object.assign(process.env, { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: '1' });
  await writeHub(cache);
  mkdirSync(join(root, 'project', 'runs'), { recursive: true });
  process.chdir(join(root, 'project'));
  await writeFiles();
});
afterAll(() => {
  process.chdir(HERE);
  process.env = environment;
});
beforeEach(() => void jest.spyOn(console, 'log').mockImplementation(() => undefined));
afterEach(() => {
  jest.restoreAllMocks();
  surface.setLogger(null);
});

describe('examples in docstrings', () => {
  test.each(RUN)('$file:$line', async ({ file, code }) => {
    const own = (await import(resolve(HERE, file))) as Record<string, unknown>;
    const given = { ...surface, ...own, ...GIVEN, model: pointModel() };
    const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as FunctionConstructor;
    const run = AsyncFunction(...Object.keys(given), `{ ${code.replace(ADDRESS, SERVED)}\n }`); // a block may declare the names anew
    await run(...Object.values(given));
  });

  test('those that do not run still exist', () => {
    expect(Object.keys(NOT_RUN).filter((file) => !EXAMPLES.some((example) => example.file === file))).toEqual([]);
  });

  test('every public class has one', () => {
    const isClass = (value: unknown): boolean => typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value)); // prettier-ignore
    const classes = Object.entries(surface)
      .filter(([, value]) => isClass(value) && !((value as { prototype: unknown }).prototype instanceof Error))
      .map(([name]) => name);
    expect(classes.length).toBeGreaterThan(15);
    const documented = TEXTS.flatMap((text) => [...text.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*@example(?:(?!\*\/)[\s\S])*\*\/\s*export (?:abstract )?class (\w+)/g)].map(([, name]) => name)); // prettier-ignore
    expect(classes.filter((name) => !documented.includes(name))).toEqual([]);
  });
});
