// A synthetic twin of every task: its data, training, the metric that it must reach, and that of guessing.
import { evaluateRun, openTrainRun, SILENT_PROGRESS } from '../../src/node.js';
import { SHAPES_RECIPE } from './recipe.js';
import { type Split, writeShapesData } from './write-data.js';
import { type TwinPaths, twinPaths, writeTwinData } from './write-twins.js';

export interface Twin {
  /** The task as `visualbert train` knows it. */
  readonly task: string;
  /** The twin whose weights it starts from; null: fresh weights. */
  readonly after: string | null;
  readonly maxSteps: number;
  readonly metric: string;
  /**
   * Percent on the test split: the minimum (`score`), and what a model without pictures reaches (`blind`). The latter is a guess by the
   * frequencies of the answers; for masked words, which can often be inferred from the words around them, the same training with
   * `regions: 'zeroed'`.
   */
  readonly goal: { readonly blind: number; readonly score: number };
  /** The files of a split by the option that names them. */
  readonly files: (paths: TwinPaths, split: Split) => Readonly<Record<string, string>>;
  /** Its other options. */
  readonly options?: (paths: TwinPaths) => Readonly<Record<string, unknown>>;
}

type Files = Twin['files'];
const questions: Files = (paths, split) => ({
  questions: paths.questions(split),
  annotations: paths.annotations(split),
});
const pairs: Files = (paths, split) => ({ data: paths.pairs(split) });
const choices: Files = (paths, split) => ({ data: paths.choices(split) });
const entities: Files = (paths, split) => ({ split: paths.entityList(split) });
const everyAnswer = (): Readonly<Record<string, unknown>> => ({ minimumAnswerCount: 1 });
// The features of a picture's region tell its place already.
const inFlickr: Twin['options'] = ({ entities: folder }) => ({ entities: folder, places: false });
const choiceOptions =
  (mode: 'answer' | 'rationale'): Twin['options'] =>
  ({ choiceImages }) => ({ features: choiceImages, mode });

const words = { metric: 'masked word accuracy', after: 'vqa' };
const matches = { metric: 'matching accuracy' };
const accuracy = { metric: 'accuracy', after: null };
const recall = { metric: 'R@1', after: null };

/**
 * A phrase refers to one of three to five regions; one in four choices of VCR is right; a statement is true half of the time.
 * A task that is hard to learn from fresh weights starts from another twin's, like the phases of training in the paper.
 */
export const TWINS: Readonly<Record<string, Twin>> = {
  pretraining: {
    ...{ task: 'pretraining', maxSteps: 4000, ...matches, after: null, goal: { blind: 50, score: 62 } },
    files: (paths, split) => ({ captions: paths.captions(split) }),
    options: () => ({ captionPairs: false }),
  },
  'vqa-pretraining': {
    ...{ task: 'vqa-pretraining', maxSteps: 1000, ...words, goal: { blind: 80, score: 83 } },
    ...{ files: questions, options: everyAnswer },
  },
  'nlvr2-pretraining': {
    ...{ task: 'nlvr2-pretraining', maxSteps: 3000, ...matches, after: 'vqa', goal: { blind: 50, score: 62 } },
    files: pairs,
  },
  'vcr-pretraining': {
    ...{ task: 'vcr-pretraining', maxSteps: 1000, ...matches, after: 'vcr Q->A', goal: { blind: 75, score: 80 } },
    ...{ files: choices, options: choiceOptions('answer') },
  },
  'flickr-pretraining': {
    ...{ task: 'flickr-pretraining', maxSteps: 1000, ...words, goal: { blind: 75, score: 82 } },
    ...{ files: entities, options: inFlickr },
  },
  vqa: {
    ...{ task: 'vqa', maxSteps: 1500, ...accuracy, goal: { blind: 28, score: 60 } },
    ...{ files: questions, options: everyAnswer },
  },
  nlvr: {
    ...{ task: 'nlvr', maxSteps: 1500, ...accuracy, after: 'vqa', goal: { blind: 50, score: 60 } },
    files: (paths, split) => ({ data: paths.statements(split) }),
  },
  nlvr2: {
    ...{ task: 'nlvr2', maxSteps: 2500, ...accuracy, after: 'vqa', goal: { blind: 50, score: 85 } },
    files: pairs,
  },
  'vcr Q->A': {
    ...{ task: 'vcr', maxSteps: 700, ...accuracy, goal: { blind: 25, score: 80 } },
    ...{ files: choices, options: choiceOptions('answer') },
  },
  'vcr QA->R': {
    ...{ task: 'vcr', maxSteps: 700, ...accuracy, goal: { blind: 25, score: 80 } },
    ...{ files: choices, options: choiceOptions('rationale') },
  },
  flickr: {
    ...{ task: 'flickr', maxSteps: 600, ...recall, goal: { blind: 30, score: 80 } },
    ...{ files: entities, options: inFlickr },
  },
  classification: {
    ...{ task: 'classification', maxSteps: 2000, ...accuracy, after: 'vqa', goal: { blind: 50, score: 75 } },
    files: (paths, split) => ({ data: paths.own('classification', split) }),
  },
  answering: {
    ...{ task: 'answering', maxSteps: 1500, ...accuracy, goal: { blind: 28, score: 60 } },
    files: (paths, split) => ({ data: paths.own('answering', split) }),
  },
  grounding: {
    ...{ task: 'grounding', maxSteps: 600, ...recall, goal: { blind: 30, score: 80 } },
    files: (paths, split) => ({ data: paths.own('grounding', split) }),
    options: () => ({ places: false }),
  },
};

const TRAINING = { batchSize: 32, learningRate: 1.5e-3, evaluateEvery: 'never', saveEvery: 'never' } as const;

/** The data of all twins: the quickstart's scenes, and fewer questions. */
export async function writeTwins(
  folder: string,
  { seed, trainScenes = 3000, testScenes = 300, perTemplate = 1200 }: { seed: number } & Partial<TwinSize>,
): Promise<TwinPaths> {
  const size = { trainScenes, testScenes, perTemplate };
  await writeTwinData(folder, await writeShapesData(folder, { seed, ...size }), { seed, perTemplate });
  return twinPaths(folder);
}

interface TwinSize {
  trainScenes: number;
  testScenes: number;
  perTemplate: number;
}

/** Options of a twin's task over one split. */
export function twinData({ files, options }: Twin, paths: TwinPaths, split: Split): Record<string, unknown> {
  return { features: paths.images, ...SHAPES_RECIPE.features, ...options?.(paths), ...files(paths, split) };
}

export interface TwinRun {
  paths: TwinPaths;
  outputDir: string;
  seed: number;
  /** A model folder to start from; default: fresh weights. */
  model?: string;
  /** More options of the task, such as `regions: 'zeroed'`, the control that shows how much of the score depends on the picture. */
  data?: Readonly<Record<string, unknown>>;
  /** Instead of the twin's. */
  training?: Readonly<Record<string, unknown>>;
  /** Fields of the configuration of fresh weights that differ from the quickstart's. */
  modelConfig?: Readonly<Record<string, unknown>>;
}

/** Trains a twin without looking at other splits; its metrics on the test split. */
export async function trainTwin(twin: Twin, run: TwinRun): Promise<Record<string, number>> {
  const { paths, outputDir, seed, model = null, data = {}, training = {}, modelConfig = {} } = run;
  const opened = await openTrainRun(
    {
      task: twin.task as Parameters<typeof openTrainRun>[0]['task'],
      model,
      ...(model === null ? { modelConfig: { ...SHAPES_RECIPE.model, ...modelConfig } } : {}),
      data: { ...twinData(twin, paths, 'train'), vocabulary: paths.vocabulary, ...data },
      arguments: { ...TRAINING, maxSteps: twin.maxSteps, ...training, outputDir, seed },
    },
    { progress: SILENT_PROGRESS },
  );
  try {
    await opened.trainer.train();
  } finally {
    await opened.close();
  }
  const held = { ...twinData(twin, paths, 'test'), ...data };
  const { metrics } = await evaluateRun({
    task: twin.task,
    model: outputDir,
    data: held,
    purpose: 'evaluate',
    batchSize: 128,
  });
  return metrics;
}
