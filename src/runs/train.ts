// Opens a training run: data, model and trainer.
import { prefetch } from '../lists.js';
import { Trainer } from '../training/loop/trainer.js';
import { type TrainerParts } from '../training/loop/trainer-options.js';
import {
  flatTrainingArguments,
  requireWholeShares,
  type ResolvedTrainingArguments,
  type TrainingArguments,
} from '../training/arguments.js';
import type { LoadingReport } from '../models/pretrained/types.js';
import type { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import { createRunModel, readModelConfig } from './model-classes.js';
import { folderPictures } from '../tasks/shared/notes.js';
import { resolveTaskOptions } from '../tasks/shared/options.js';
import { openTask } from '../tasks/open-task.js';
import { fixedSettingsOf, withSample } from './same-run.js';
import type { Architecture } from '../models/pretrained/classify.js';
import type { LeftOutImage } from '../tasks/shared/opened-task.js';
import { CheckpointStore } from '../training/run-folder/checkpoints.js';
import { requireFreeFolder } from '../training/run-folder/run-folder.js';
import type { Dataset } from '../evaluation/task.js';
import { resolveArguments, type RunSettings } from './settings.js';
import { defined, requireKinds, requireOptions } from '../options.js';

/** Examples that are read at once. */
const READ_AHEAD = 8;

/** A run that is ready to start. */
export interface TrainRun {
  readonly trainer: Trainer<unknown>;
  /** The arguments with all defaults filled in, as run.json stores them. */
  readonly arguments: TrainingArguments;
  readonly architecture: Architecture;
  readonly parameterCount: number;
  readonly exampleCount: number;
  readonly validationCount: number;
  /** Null for a model with fresh weights. */
  readonly loadingReport: LoadingReport | null;
  /** Images whose examples are left out. */
  readonly leftOut: readonly LeftOutImage[];
  /** Reads every example, of training and validation. @throws DataError for the first that cannot be read */
  readExamples(onExample?: (done: number, all: number) => void): Promise<void>;
  /** Number of classes of a new head, and of the checkpoint's head that it replaces; null when none is replaced. */
  readonly newHead: { classes: number; before: number } | null;
  /** Frees the model and closes the data. */
  close(): Promise<void>;
}

/** Options of progress, callbacks, profiling and cluster, which do not change the result of training. */
export interface MonitoringOptions extends Pick<
  TrainerParts<unknown>,
  'progress' | 'callbacks' | 'profile' | 'cluster'
> {
  /** Folders with the pictures of the report's examples, by image id; default: those among the features. */
  pictures?: readonly string[];
}

/**
 * Checks what needs neither data nor model: the arguments and the options of the task, that the workers can share a batch, and that the folder holds no other run.
 * @returns the arguments with all defaults filled in, and the updates that the run has already made
 * @throws ConfigError for arguments, options, a number of workers or a folder that do not fit
 * @example
 * const settings = await gatherSettings('nlvr', { data: 'train.json', outputDir: 'runs/new', epochs: 5 });
 * const { step } = await requireStartable(settings); // 0: the run is new
 */
export async function requireStartable(
  settings: RunSettings,
  workers = 1,
): Promise<{ arguments: ResolvedTrainingArguments; step: number }> {
  requireOptions('requireStartable', settings, 'the settings of a run, from sortSettings');
  const resolved = resolveArguments(settings);
  const { outputDir, resume } = resolved;
  requireWholeShares(resolved, workers);
  const store = new CheckpointStore(outputDir);
  await requireFreeFolder(outputDir, resume, store);
  resolveTaskOptions(settings.task, settings.data);
  return { arguments: resolved, step: (await store.steps()).at(-1) ?? 0 };
}

/**
 * Opens data and model for a run.
 * @throws ConfigError, DataError, CheckpointError, HubError: for settings or files that do not fit, before training begins
 * @example
 * const given = { data: 'mine.jsonl', features: 'features.vbf', model: 'runs/vqa', outputDir: 'runs/answers', epochs: 2 };
 * const run = await openTrainRun(await gatherSettings('answering', given));
 * const { reason, step } = await run.trainer.train();
 * await run.close();
 */
export async function openTrainRun(settings: RunSettings, options: MonitoringOptions = {}): Promise<TrainRun> {
  requireKinds('openTrainRun', { 'an object': { options } });
  const { pictures = [], ...watching } = options;
  requireOptions('openTrainRun', settings, 'the settings of a run, from sortSettings');
  const resolved = resolveArguments(settings); // first: data and model take longer to open
  const { seed, outputDir, resume } = resolved;
  const writes = (watching.cluster?.server.worker ?? 0) === 0;
  if (!resume && writes) await requireFreeFolder(outputDir, resume, new CheckpointStore(outputDir));
  const { model: source, modelConfig } = settings;
  const made = source === null && modelConfig !== undefined ? await readModelConfig(modelConfig) : null;
  const sizes =
    made === null
      ? {}
      : { maxPositionEmbeddings: made.maxPositionEmbeddings, visualEmbeddingDim: made.visualEmbeddingDim };
  const opened = await openTask(settings.task, settings.data, { purpose: 'train', model: source, ...sizes, seed });
  let close = (): Promise<void> => opened.close();
  try {
    const model = await createRunModel({
      architecture: opened.architecture,
      model: source,
      modelConfig,
      dataConfig: opened.config,
      hasGivenClasses: opened.hasGivenClasses ?? false,
      seed,
      allowFreshWeights: true,
    });
    close = async () => {
      model.dispose();
      await opened.close();
    };
    const parts: TrainerParts<unknown> = {
      model,
      task: opened.task,
      train: await withSample(opened.data, opened.task, seed),
      ...(opened.validation === null ? {} : { validation: await withSample(opened.validation, opened.task, seed) }),
      ...watching,
      readPicture: await folderPictures([...featurePaths(settings.data), ...pictures]),
      saveAssets: (dir) => opened.processor.savePretrained(dir, { trainedWith: opened.detector }),
      settings: { model: source, ...defined({ modelConfig }), data: settings.data, startedIn: process.cwd() },
      fixedSettings: fixedSettingsOf(settings, model.config),
    };
    return {
      trainer: new Trainer(parts, resolved),
      arguments: flatTrainingArguments(resolved),
      architecture: opened.architecture,
      parameterCount: model.numParameters(),
      exampleCount: opened.data.length,
      validationCount: opened.validation?.length ?? 0,
      loadingReport: model.loadingReport,
      leftOut: opened.leftOut,
      readExamples: (onExample) =>
        readExamples([opened.data, ...(opened.validation === null ? [] : [opened.validation])], onExample),
      newHead: newHeadOf(model),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readExamples(
  datasets: readonly Dataset<unknown>[],
  onExample?: (done: number, all: number) => void,
): Promise<void> {
  const all = datasets.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  for (const dataset of datasets) {
    const indices = Array.from({ length: dataset.length }, (_, i) => i);
    const examples = prefetch(indices, READ_AHEAD, (index) => dataset.example(index));
    while ((await examples.next()).done !== true) onExample?.(++done, all);
  }
}

function newHeadOf({ loadingReport, config }: VisualBertPreTrainedModel): TrainRun['newHead'] {
  const rows = loadingReport?.mismatchedKeys.find(({ modelShape }) => modelShape[0] === config.numLabels)?.fileShape[0];
  return rows === undefined ? null : { classes: config.numLabels, before: rows };
}

function featurePaths({ features = [] }: Record<string, unknown>): readonly string[] {
  return typeof features === 'string' ? [features] : (features as readonly string[]);
}
