// The model of a run: loaded with a head for the task's classes, or created from a configuration.
import { VisualBertConfig, type VisualBertConfigOptions } from '../config/config.js';
import { ConfigError, errorMessage } from '../errors.js';
import { MODEL_CLASSES } from '../models/model-classes.js';
import { VisualBertPreTrainedModel } from '../models/pretrained-model.js';
import { areUnnamed, isAuthorsVqaHead, UNKNOWN_ANSWER } from '../processing/answer-vocabulary.js';
import type { Architecture } from '../models/pretrained/classify.js';
import { readConfigJson } from './config-json.js';

export interface RunModelOptions {
  architecture: Architecture;
  /** Folder or hub id to start from; null: fresh weights of `modelConfig`. */
  model: string | null;
  /** Fields of VisualBertConfig in camelCase or snake_case, or a JSON file of them. */
  modelConfig?: string | Record<string, unknown> | undefined;
  /** Settings from the data: classes, and for a new model vocabulary and feature width. */
  dataConfig: VisualBertConfigOptions;
  /** Whether the user gave the order of the classes: a head without names then counts as having them. Default false. */
  hasGivenClasses?: boolean;
  seed: number;
  /** Parameters that the model's file does not fill: true allows them, since they will be trained, false throws. Default: a warning. */
  allowFreshWeights: boolean | undefined;
}

/**
 * Creates the model that a run starts from. A head with other classes than the data's gets fresh weights, even if the number is the same;
 * `loadingReport` lists them.
 * @throws ConfigError when neither a model nor a configuration is given, or both are; CheckpointError for a model that lacks
 * parameters that may not be fresh
 */
export async function createRunModel(options: RunModelOptions): Promise<VisualBertPreTrainedModel> {
  const { architecture, model, modelConfig, dataConfig, hasGivenClasses = false, seed, allowFreshWeights } = options;
  const Model = MODEL_CLASSES[architecture];
  if (model === null) {
    if (modelConfig === undefined) {
      throw new ConfigError(
        'give a model to start from (--model FOLDER or hub id), or a configuration for fresh weights (--model-config FILE.json)',
      );
    }
    return new Model((await readModelConfig(modelConfig)).with(dataConfig), { seed });
  }
  if (modelConfig !== undefined)
    throw new ConfigError('`model` and `modelConfig` exclude each other: a loaded model has its own configuration');
  const stored = await VisualBertConfig.fromPretrained(model);
  const { id2label } = dataConfig;
  const isOther = id2label !== undefined && !isSameHead(stored, id2label, hasGivenClasses);
  return VisualBertPreTrainedModel.fromPretrained.call(Model, model, {
    config: id2label === undefined ? stored : stored.with({ id2label }),
    seed,
    allowFreshWeights,
    newHead: isOther,
  });
}

/**
 * Whether the head of a checkpoint has the classes of the data: by equal names; or, without names, by an equal number if the order was
 * given. The head of uclanlp/visualbert-vqa has the order of one list.
 */
function isSameHead(
  stored: VisualBertConfig,
  id2label: Readonly<Record<number, string>>,
  hasGivenClasses: boolean,
): boolean {
  if (!areUnnamed(stored.id2label)) return JSON.stringify(id2label) === JSON.stringify(stored.id2label);
  if (!hasGivenClasses || Object.keys(id2label).length !== stored.numLabels) return false;
  return !isAuthorsVqaHead(stored) || id2label[0] === UNKNOWN_ANSWER;
}

/** The configuration of a new model, from fields or a file of them. @throws ConfigError for unknown fields */
export async function readModelConfig(source: string | Record<string, unknown>): Promise<VisualBertConfig> {
  if (typeof source !== 'string') return configOf(source);
  const fields = (await readConfigJson(source)) as Record<string, unknown>;
  try {
    return configOf(fields);
  } catch (error) {
    throw new ConfigError(`modelConfig: '${source}': ${errorMessage(error).replace(/^VisualBertConfig: /, '')}`);
  }
}

function configOf(fields: Record<string, unknown>): VisualBertConfig {
  return Object.keys(fields).some((key) => key.includes('_'))
    ? VisualBertConfig.fromJSON(fields)
    : new VisualBertConfig(fields);
}
