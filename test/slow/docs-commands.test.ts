// Runs the commands of the README and docs on small data in files of the same names.
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { SHAPES_RECIPE } from '../../examples/shapes/recipe.js';
import { writeTwins } from '../../examples/shapes/twins.js';
import type { TwinPaths } from '../../examples/shapes/write-twins.js';
import {
  openRegionFeatures,
  packFeatures,
  type RegionFeatures,
  startBackend,
  VisualBertConfig,
  VisualBertForPreTraining,
  VisualBertForQuestionAnswering,
  writeTsvFeatures,
} from '../../src/node.js';
import { memorySource } from '../../src/features/wrappers.js';
import { hubSnapshot } from '../helpers/files/hub-cache.js';
import { npy, npz } from '../helpers/files/numpy-files.js';
import { shellCommands, wordsOf } from '../helpers/command-line/shell-blocks.js';
import { COMMAND } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

/** Pages whose commands run, and the runs that they ask for and do not train. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  'README.md': [],
  'docs/browser.md': ['vqa'],
  'docs/coming-from-transformers.md': [],
  'docs/converting.md': ['vqa'],
  'docs/data.md': ['vqa', 'nlvr2', 'flickr'],
  'docs/distributed.md': [],
  'docs/explain.md': ['vqa', 'nlvr2', 'flickr'],
  'docs/fine-tune-nlvr2.md': [],
  'docs/fine-tune-own-data.md': [],
  'docs/fine-tune-vqa.md': [],
  'docs/training.md': [],
};
/** Commands that are only parsed (test/scripts/commands.test.ts), and why. */
const PARSED_ONLY: readonly [command: RegExp, reason: string][] = [
  [/\.\.\./, 'it leaves flags out'],
  [
    /^engine (?:install|remove)|^doctor/,
    'it changes or measures the machine: test/slow/packaging/tarball.test.ts, test/scripts',
  ],
  [
    /^ask |--detector (?:mmf|vg|coco|detectron1)|^inspect (?:uclanlp|model_final)/,
    'it reads published weights: test/scripts/ask.test.ts',
  ],
  [/^convert (?:vqa\.th|visual_bert\.pth|visualbert-vqa)|^inspect vqa\.th/, 'other layouts: test/convert'],
  [/vcr/, "pictures of VCR: test/vision/vcr.test.ts; the task's twin is trained by test/slow/twins.test.ts"],
  [/coco_trainval\.lmdb/, 'LMDB: test/features/readers'],
  [/--from /, 'files of other projects: test/records'],
  [/^train classification .*features\.tsv/, 'docs/fine-tune-own-data.md has the same command'],
  [/--questions train\/questions\.json/, 'easy-VQA: test/records/vqa.test.ts, bench/studies/easy-vqa.ts'],
  [/^serve /, 'it ends by a signal: test/scripts/serve.test.ts'],
  [/--backend webgpu/, 'it needs a device: test/slow/webgpu/parity.test.ts'],
  [/runs\/quickstart/, 'it needs the quickstart: test/examples'],
  [/^completion/, 'test/scripts/completion.test.ts'],
  [/^engine info|^features draw/, 'test/scripts/json.test.ts'],
];

const hasEngine = startBackend.backend === 'tensorflow';
if (!hasEngine) process.stderr.write(`skipped: the commands of the docs; ${startBackend.reason}\n`);

const root = temporaryFolder();
const [data, files, hub, runs] = ['data', 'files', 'hub', 'runs'].map((name) => join(root, name)) as [
  string,
  string,
  string,
  string,
];
const commands = shellCommands().flatMap(({ page, line, text }) => {
  const words = wordsOf(text);
  const at = words.indexOf('visualbert');
  return at < 0 ? [] : [{ page, line, words: words.slice(at + 1) }];
});
const reasonOf = ({ words }: (typeof commands)[number]): string | undefined =>
  PARSED_ONLY.find(([pattern]) => pattern.test(words.join(' ')))?.[1];

function visualbert(
  folder: string,
  args: readonly string[],
): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, HF_HUB_CACHE: hub, HF_HUB_OFFLINE: '1', VISUALBERT_BACKEND: '' };
  return spawnSync(process.execPath, [resolve(COMMAND), ...args], { cwd: folder, encoding: 'utf8', env });
}

/** Pictures with the ids that the docs name, beside those of the scenes. */
const NAMED = ['397133', '42', 'a-img0', 'a-img1'];

function addNamedPictures({ images }: TwinPaths): void {
  const path = join(images, 'boxes.json');
  const boxes = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  NAMED.forEach((id, i) => {
    copyFileSync(join(images, `train-${i}.png`), join(images, `${id}.png`));
    boxes[id] = boxes[`train-${i}`];
  });
  writeFileSync(path, JSON.stringify(boxes));
}

/** Widths of the regions that the published checkpoints read. */
const [VQA, NLVR2] = [2048, 1024];

/** Region features of all pictures in three formats, filled up with zeros to a width. */
async function writeFeatures(images: string, width: number): Promise<void> {
  const source = await openRegionFeatures(images, SHAPES_RECIPE.features);
  const folder = join(files, String(width));
  mkdirSync(folder);
  const wide: [string, RegionFeatures][] = [];
  for (const id of source.ids()) {
    const regions = await source.read(id);
    const { boxes = new Float32Array(), count, dim, imageWidth = NaN, imageHeight = NaN } = regions;
    const features = new Float32Array(count * width);
    for (let i = 0; i < count; i++) features.set(regions.features.subarray(i * dim, (i + 1) * dim), i * width);
    wide.push([id, { ...regions, features, dim: width }]);
    const arrays = {
      ...{ 'x.npy': npy(features, [count, width]), 'bbox.npy': npy(boxes, [count, 4]) },
      ...{ 'image_w.npy': npy([imageWidth], [1]), 'image_h.npy': npy([imageHeight], [1]) },
    };
    writeFileSync(join(folder, `${id}.npz`), npz(arrays));
  }
  await source.close();
  await writeTsvFeatures(memorySource('wide', wide), `${folder}.tsv`);
  await packFeatures(memorySource('wide', wide), `${folder}.vbf`);
}

/** Checkpoints of the hub's names, as small as the quickstart's but for the width of regions and the number of answers. */
async function writeModels(vocabulary: string): Promise<void> {
  const answers = ['<unk>', 'yes', 'no', ...Array.from({ length: 3126 }, (_, i) => `answer ${i}`)];
  writeFileSync(join(files, 'answers_vqa.txt'), answers.join('\n'));
  const words = readFileSync(vocabulary, 'utf8');
  const vocabSize = words.trim().split('\n').length;
  const models = [
    ['uclanlp/visualbert-vqa', VisualBertForQuestionAnswering, { visualEmbeddingDim: VQA, numLabels: answers.length }],
    ['uclanlp/visualbert-vqa-coco-pre', VisualBertForPreTraining, { visualEmbeddingDim: VQA }],
    ['uclanlp/visualbert-nlvr2-coco-pre', VisualBertForPreTraining, { visualEmbeddingDim: NLVR2 }],
    ['bert-base-uncased', VisualBertForPreTraining, {}],
  ] as const;
  for (const [id, Model, sizes] of models) {
    const model = new Model(new VisualBertConfig({ ...SHAPES_RECIPE.model, vocabSize, ...sizes }), { seed: 0 });
    await model.savePretrained(hubSnapshot(hub, id));
    model.dispose();
    writeFileSync(join(hubSnapshot(hub, id), 'vocab.txt'), words);
  }
}

/** The names that the docs give to files, and what stands in for each. */
function standIns(paths: TwinPaths): Record<string, string> {
  const of = (width: number, end = ''): string => join(files, `${width}${end}`);
  const ofQuestions = { train2014: 'train', val2014: 'validation' } as const;
  const official = Object.entries(ofQuestions).flatMap(([name, split]) => [
    [`v2_OpenEnded_mscoco_${name}_questions.json`, paths.questions(split)],
    [`v2_mscoco_${name}_annotations.json`, paths.annotations(split)],
  ]);
  const tsvs = ['trainval_resnet101_faster_rcnn_genome_36', 'trainval_36', 'test2015_36', 'val_36', 'train2014_obj36'];
  return {
    ...(Object.fromEntries(official) as Record<string, string>),
    ...Object.fromEntries([...tsvs, 'flickr_bottom_up'].map((name) => [`${name}.tsv`, of(VQA, '.tsv')])),
    ...{ 'coco36.vbf': of(VQA, '.vbf'), 'flickr.vbf': of(VQA, '.vbf'), 'features.vbf': of(NLVR2, '.vbf') },
    'nlvr2.vbf': of(NLVR2, '.vbf'),
    ...{ features: of(VQA), nlvr2_features: of(NLVR2), dev: of(NLVR2) },
    'v2_OpenEnded_mscoco_test2015_questions.json': paths.questions('test'),
    'questions.json': paths.questions('train'),
    'annotations.json': paths.annotations('train'),
    'answers_vqa.txt': join(files, 'answers_vqa.txt'),
    'train.json': paths.pairs('train'),
    'dev.json': paths.pairs('validation'),
    'test1.json': paths.pairs('test'),
    'train.jsonl': paths.own('classification', 'train'),
    'dev.jsonl': paths.own('classification', 'validation'),
    'new.jsonl': paths.own('classification', 'test'),
    flickr30k_entities: paths.entities,
    'test.txt': paths.entityList('test'),
    'boxes.jsonl': join(files, 'boxes.jsonl'),
    '42.jpg': join(paths.images, '42.png'),
    'vqa.json': join(files, 'vqa.json'),
    configs: resolve('configs'),
  };
}

/** What a task's evaluation server takes, as an earlier command of the page would have written it. */
function writeResults(folder: string, paths: TwinPaths): void {
  type Annotations = { annotations: { question_id: number; multiple_choice_answer: string }[] };
  const { annotations } = JSON.parse(readFileSync(paths.annotations('validation'), 'utf8')) as Annotations;
  const answers = annotations.map(({ question_id, multiple_choice_answer: answer }) => ({ question_id, answer }));
  writeFileSync(join(folder, 'result.json'), JSON.stringify(answers));
  const pairs = JSON.parse(readFileSync(paths.pairs('validation'), 'utf8')) as { identifier: string; label: number }[];
  const lines = pairs.map(({ identifier, label }) => `${identifier},${label === 1 ? 'True' : 'False'}\n`);
  writeFileSync(join(folder, 'predictions.csv'), lines.join(''));
}

(hasEngine ? describe : describe.skip)('the commands of the README and docs', () => {
  let paths: TwinPaths;

  beforeAll(async () => {
    [files, runs].forEach((folder) => mkdirSync(folder));
    paths = await writeTwins(data, { seed: 0, trainScenes: 60, testScenes: 20, perTemplate: 20 });
    addNamedPictures(paths);
    for (const width of [VQA, NLVR2]) await writeFeatures(paths.images, width);
    await writeModels(paths.vocabulary);
    const settings = { modelConfig: SHAPES_RECIPE.model, batchSize: 16, maxSteps: 4 };
    const questions = { questions: paths.questions('train'), annotations: paths.annotations('train') };
    const storeOf = (width: number): string => join(files, `${width}.vbf`);
    const all = storeOf(VQA);
    writeFileSync(
      join(files, 'vqa.json'),
      JSON.stringify({ ...settings, ...questions, features: all, vocabulary: paths.vocabulary }),
    );
    const common = ['--vocabulary', paths.vocabulary, '--max-steps', '2', '--batch-size', '16'];
    const small = join(files, 'small.json');
    writeFileSync(small, JSON.stringify(new VisualBertConfig(SHAPES_RECIPE.model).toJSON()));
    const validation = ['--validation-questions', paths.questions('validation'), '--validation-annotations'];
    const tasks = {
      vqa: [
        '--questions',
        questions.questions,
        '--annotations',
        questions.annotations,
        ...validation,
        paths.annotations('validation'),
      ],
      nlvr2: ['--data', paths.pairs('train'), '--validation-data', paths.pairs('validation')],
      flickr: ['--entities', paths.entities, '--split', paths.entityList('train'), '--no-places'],
    };
    for (const [task, own] of Object.entries(tasks)) {
      const features = ['--features', task === 'nlvr2' ? storeOf(NLVR2) : all];
      const args = [
        'train',
        task,
        ...own,
        ...features,
        ...common,
        '--model-config',
        small,
        '--output-dir',
        join(runs, task),
      ];
      expect(visualbert(root, args)).toMatchObject({ status: 0 });
    }
    const found = ['--split', paths.entityList('test'), '--features', all, '--output', join(files, 'boxes.jsonl')];
    expect(visualbert(root, ['predict', '--run', join(runs, 'flickr'), ...found])).toMatchObject({ status: 0 });
  });

  test('run, or are only parsed for a reason', () => {
    const neither = commands.filter((one) => !(one.page in PAGES) && reasonOf(one) === undefined);
    expect(neither.map(({ page, line }) => `${page}:${line}`)).toEqual([]);
    const used = PARSED_ONLY.filter(([, reason]) => commands.some((one) => reasonOf(one) === reason));
    expect(used).toHaveLength(PARSED_ONLY.length);
  });

  test.each(Object.entries(PAGES))('%s', (page, trained) => {
    const folder = join(root, page.replace(/\W+/g, '-'));
    mkdirSync(join(folder, 'runs'), { recursive: true });
    for (const [name, target] of Object.entries(standIns(paths))) symlinkSync(target, join(folder, name));
    for (const run of trained) cpSync(join(runs, run), join(folder, 'runs', run), { recursive: true });
    writeResults(folder, paths);
    const own = commands.filter((one) => one.page === page && reasonOf(one) === undefined);
    expect(own.length).toBeGreaterThan(0);
    const run = (line: number, words: readonly string[]): void => {
      const { status, stderr } = visualbert(folder, words);
      expect([`${page}:${line}`, words.join(' '), status === 0 ? '' : stderr]).toEqual([
        `${page}:${line}`,
        words.join(' '),
        '',
      ]);
    };
    for (const { line, words } of own) {
      run(line, words);
      // The page goes on with the run that the command makes without the flag.
      if (words.includes('--dry-run')) run(line, [...words.filter((word) => word !== '--dry-run'), '--max-steps=1']);
    }
  });
});
