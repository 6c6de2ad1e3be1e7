// Runs every @example of the docstrings in src, with small stand-ins for checkpoints, detectors, pictures and features.
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createSink } from '../src/platform/node.js';
import { writeWhole } from '../src/byte-sink.js';
import { ZipWriter } from '../src/formats/zip/zip-writer.js';
import * as surface from '../src/node.js';
import { useBackend } from './helpers/backend.js';
import { writeExampleRecords } from './helpers/files/example-records.js';
import { hubSnapshot } from './helpers/files/hub-cache.js';
import { REGION_DIM, regionsOfImage, writeCheckpoint } from './helpers/models/pipeline-models.js';
import { writeDetector } from './helpers/models/small-detector.js';
import { writePublishedModels } from './helpers/models/published-models.js';
import { drawnPicture } from './helpers/parity/fixtures.js';
import { pointModel, points, pointTask } from './helpers/tiny-task.js';
import { DETECTOR_FILES, narrowDetector } from './vision/narrow.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

interface Example {
  file: string;
  line: number;
  code: string;
}

function sources(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** The examples of a file: the lines after the tag, up to the next tag or the end of the docstring. */
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

/** What examples name and a test has no copy of, with what stands in for it. */
const STAND_INS: readonly (readonly [string, string])[] = [
  ['https://example.org/my-vqa', 'runs/vqa'],
  ["detector: 'vg-r101-c4'", 'detector: narrow'], // the preset with few channels, as `pytorch_model.bin` has it
];

/** Public functions whose examples cannot run here: they start processes, install, or need the 3129 answers of the authors. */
const WITHOUT_EXAMPLE = ['installEngine', 'joinCluster', 'launchWorkers', 'removeEngines', 'requireAuthorsAnswers'];

/** What examples take as given. */
const GIVEN = {
  readFile,
  regions: regionsOfImage(1),
  questions: [{ imageId: '1' }],
  warnings: [],
  task: pointTask,
  train: points(12, 1),
  validation: points(8, 2),
  narrow: narrowDetector('vg-r101-c4'),
  config: { ...narrowDetector('detectron1-r101-fpn'), head: { kind: 'layers', width: REGION_DIM } } as const,
  examples: [{ image: drawnPicture(90, 60), objects: [{ box: [10, 12, 50, 40] as const, class: 1 }] }],
};

const WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] what is the man eating color bus a ?'.split(' ');
const HERE = process.cwd();
const environment = { ...process.env };
let root = '';

async function writeHub(cache: string): Promise<void> {
  await writePublishedModels(cache, WORDS.length);
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
  const byPixels = { id2label: answers, visualEmbeddingDim: surface.pixelFeatureDim({ cells: 6, look: 'form' }) };
  cpSync(await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: byPixels }), 'runs/pixels', {
    recursive: true,
  });
  const detector = new surface.TrainableDetector(GIVEN.config, { seed: 1 });
  await detector.savePretrained('runs/detector');
  detector.dispose();
  const published = join(HERE, 'test', 'fixtures', 'vision', DETECTOR_FILES['vg-r101-c4']);
  copyFileSync(published, 'pytorch_model.bin');
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
  const record = { question: 'what is the small dog near ?', image: '1', answers: ['red', 'red', 'yes'] };
  writeFileSync('mine.jsonl', ['q1', 'q2'].map((id) => `${JSON.stringify({ id, ...record })}\n`).join(''));
  writeExampleRecords();
  cpSync(join(HERE, 'test', 'fixtures', 'vcr'), 'vcr1images', { recursive: true });
  copyFileSync(join('vcr1images', 'val.jsonl'), 'val.jsonl');
  mkdirSync('visualbert-vcr');
  copyFileSync(join('vcr1images', 'detector.safetensors'), join('visualbert-vcr', 'detector.safetensors'));
  cpSync(join(HERE, 'configs'), 'configs', { recursive: true });
}

beforeAll(async () => {
  await useBackend();
  root = temporaryFolder();
  const [hub, cache] = [join(root, 'hub'), join(root, 'cache')];
  Object.assign(process.env, { HF_HUB_CACHE: hub, HF_HUB_OFFLINE: '1', VISUALBERT_CACHE: cache });
  await writeHub(hub);
  await writeDetector(join(cache, 'detectors', 'mmf-x101'), 'mmf-x101');
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
  test.each(EXAMPLES)('$file:$line', async ({ file, code }) => {
    const own = (await import(resolve(HERE, file))) as Record<string, unknown>;
    const given = { ...surface, ...own, ...GIVEN, model: pointModel() };
    const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as FunctionConstructor;
    const small = STAND_INS.reduce((text, [named, standIn]) => text.replace(named, standIn), code);
    const run = AsyncFunction(...Object.keys(given), `{ ${small}\n }`); // a block may declare the names again
    await run(...Object.values(given));
  });

  test('every public class and function has one', () => {
    const named = Object.entries(surface)
      .filter(
        ([, value]) => typeof value === 'function' && !((value as { prototype?: unknown }).prototype instanceof Error),
      )
      .map(([name]) => name);
    expect(named.length).toBeGreaterThan(150);
    const documented = TEXTS.flatMap((text) => [...text.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*@example(?:(?!\*\/)[\s\S])*\*\/\s*export (?:abstract |async )?(?:class|function\*?) (\w+)/g)].map(([, name]) => name)); // prettier-ignore
    expect(named.filter((name) => !documented.includes(name)).sort()).toEqual(WITHOUT_EXAMPLE);
  });
});
