// Opens everything that a training run needs, in order: data, model, trainer.
import { Trainer } from '../training/loop/trainer.js';
import { type TrainerOptions } from '../training/loop/trainer-options.js';
import { type TrainingArguments } from '../training/arguments.js';
import type { LoadingReport } from '../models/pretrained/types.js';
import { createRunModel, readModelConfig } from './model-classes.js';
import { pictureReader } from '../tasks/shared/notes.js';
import { openTask } from '../tasks/open-task.js';
import { fixedSettingsOf, withSample } from './same-run.js';
import type { Architecture } from '../models/pretrained/classify.js';
import { type RunSettings } from './settings.js';

/** A run that is ready to start. */
export interface TrainRun {
  readonly trainer: Trainer<unknown>;
  readonly modelClass: Architecture;
  readonly parameterCount: number;
  readonly exampleCount: number;
  readonly validationCount: number;
  /** Null for a model with fresh weights. */
  readonly loadingReport: LoadingReport | null;
  /** Frees the model and closes the data. */
  close(): Promise<void>;
}

/** How a run is watched; nothing of it changes what is trained. */
export interface WatchingOptions extends Pick<TrainerOptions<unknown>, 'progress' | 'callbacks' | 'profile'> {
  /** Folders with the pictures of the report's examples, by image id; default: those among the features. */
  pictures?: readonly string[];
}

/**
 * Opens data and model for a run.
 * @throws ConfigError, DataError, CheckpointError, HubError: whatever does not fit, before anything is trained
 */
export async function openTrainRun(
  settings: RunSettings,
  { pictures = [], ...watching }: WatchingOptions = {},
): Promise<TrainRun> {
  const given = settings.arguments as TrainingArguments;
  const seed = given.seed ?? 0;
  const { model: source, modelConfig, ...rest } = settings;
  const made = source === null && modelConfig !== undefined ? await readModelConfig(modelConfig) : null;
  const positions = made === null ? {} : { maxPositionEmbeddings: made.maxPositionEmbeddings };
  const opened = await openTask(settings.task, settings.data, { purpose: 'train', model: source, ...positions, seed });
  try {
    const model = await createRunModel({
      modelClass: opened.modelClass,
      model: source,
      modelConfig,
      dataConfig: opened.config,
      seed,
      allowFreshWeights: true,
    });
    const trainer = new Trainer({
      ...given,
      model,
      task: opened.task,
      train: await withSample(opened.data, opened.task, seed),
      ...(opened.validation === null ? {} : { validation: await withSample(opened.validation, opened.task, seed) }),
      ...watching,
      readPicture: await pictureReader([...featurePaths(settings.data), ...pictures]),
      saveAssets: (dir) => opened.processor.savePretrained(dir),
      settings: { model: source, ...(modelConfig === undefined ? {} : { modelConfig }), data: rest.data },
      fixedSettings: fixedSettingsOf(settings, model.config),
    });
    return {
      trainer,
      modelClass: opened.modelClass,
      parameterCount: model.numParameters(),
      exampleCount: opened.data.length,
      validationCount: opened.validation?.length ?? 0,
      loadingReport: model.loadingReport,
      close: async () => {
        model.dispose();
        await opened.close();
      },
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function featurePaths({ features = [] }: Record<string, unknown>): readonly string[] {
  return typeof features === 'string' ? [features] : (features as readonly string[]);
}
