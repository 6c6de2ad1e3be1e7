// VisualBertConfig: every setting of a model, its default, its check and its JSON form. Defaults are defined only here.
import type { Activation } from '../layers/activations.js';
import { locatePretrained, type PretrainedFiles } from '../platform/locate.js';
import { requireConfigJson } from './config-json.js';
import { requireField, requireTogether } from './fields.js';
import { labelsOf, labelTable } from './labels.js';
import { ConfigError } from '../errors.js';
import { requireOptions } from '../options.js';

/** The fields that a configuration can be made from, all optional. */
export type VisualBertConfigOptions = Partial<Omit<VisualBertConfig, 'with' | 'toJSON'>>;

/** Which version of a pretrained model to read, and how. */
export interface PretrainedLocation {
  revision?: string;
  cacheDir?: string;
  token?: string | false;
  localFilesOnly?: boolean;
  subfolder?: string;
  endpoint?: string;
}

/**
 * The settings of a VisualBERT, frozen. Fields are those of transformers in camelCase, with its defaults.
 * @example
 * const config = new VisualBertConfig({ visualEmbeddingDim: 2048, numLabels: 3 });
 * const smaller = config.with({ numHiddenLayers: 6 });
 * const published = await VisualBertConfig.fromPretrained('uclanlp/visualbert-vqa');
 * @throws ConfigError for an unknown field or a value that no model can have.
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertConfig
 */
export class VisualBertConfig {
  /** Rows of the word table. */
  readonly vocabSize: number = 30522;
  /** Width h of the encoder and the pooler. */
  readonly hiddenSize: number = 768;
  /** Width of the region features: 2048 for the authors' VQA features, 1024 NLVR2, 512 VCR, 2054 Flickr30k. */
  readonly visualEmbeddingDim: number = 512;
  readonly numHiddenLayers: number = 12;
  /** Heads n; the head size is hiddenSize / n. */
  readonly numAttentionHeads: number = 12;
  /** Width of the feed-forward part. */
  readonly intermediateSize: number = 3072;
  /** Activation of the feed-forward part and of the masked-LM head. */
  readonly hiddenAct: Activation = 'gelu';
  /** Dropout after embeddings, after each sublayer and before the heads. */
  readonly hiddenDropoutProb: number = 0.1;
  /** Dropout of the attention probabilities. */
  readonly attentionProbsDropoutProb: number = 0.1;
  /** Longest text in tokens. Regions take no text position. */
  readonly maxPositionEmbeddings: number = 512;
  readonly typeVocabSize: number = 2;
  /** Standard deviation of fresh weights (plain normal, not truncated, as transformers draws them). */
  readonly initializerRange: number = 0.02;
  readonly layerNormEps: number = 1e-12;
  /** Encode the text alone and join text and regions in one additional layer (the paper's "without early fusion"). */
  readonly bypassTransformer: boolean = false;
  /** Copy the text type and position tables into the visual ones where no checkpoint has those. */
  readonly specialVisualInitialize: boolean = true;
  /** Row of the word table that starts at zero and gets no gradient from the lookup. transformers' default is 1; BERT's own [PAD] is 0. */
  readonly padTokenId: number | null = 1;
  readonly bosTokenId: number | null = 0;
  readonly eosTokenId: number | readonly number[] | null = 2;
  /** Classifiers have a dense layer, the activation and a layer norm before their last layer, as MMF's have. Not known to transformers. */
  readonly classifierTransform: boolean = false;
  /** The masked-LM decoder shares the word table. */
  readonly tieWordEmbeddings: boolean = true;
  /** Default of the input of the same name. */
  readonly outputAttentions: boolean = false;
  /** Default of the input of the same name. */
  readonly outputHiddenStates: boolean = false;
  /** Default of the input of the same name. */
  readonly returnDict: boolean = true;
  /** Heads removed from each layer. */
  readonly prunedHeads: Readonly<Record<number, readonly number[]>> = {};
  /** Classes of the classification heads: the length of id2label. */
  readonly numLabels: number = 2;
  readonly id2label: Readonly<Record<number, string>> = {};
  readonly label2id: Readonly<Record<string, number>> = {};
  /** Other keys of a config.json, kept to be written back. */
  readonly extra: Readonly<Record<string, unknown>> = {};

  constructor(options: VisualBertConfigOptions = {}) {
    requireOptions('VisualBertConfig', options, 'an object of fields');
    for (const [field, value] of Object.entries(options)) {
      if (value === undefined) continue;
      requireField(field, value);
      Object.assign(this, { [field]: value });
    }
    Object.assign(this, labelsOf(options));
    requireTogether(this);
    for (const value of Object.values(this)) if (typeof value === 'object') Object.freeze(value);
    Object.freeze(this);
  }

  /** The same configuration with some fields changed. A new `numLabels` makes new label names. */
  with(changes: VisualBertConfigOptions): VisualBertConfig {
    const { numLabels, id2label, label2id, ...rest } = this;
    const relabelled = changes.numLabels !== undefined && changes.numLabels !== numLabels;
    const labels = relabelled || changes.id2label !== undefined ? {} : { id2label, label2id };
    return new VisualBertConfig({ ...rest, ...labels, ...changes });
  }

  /**
   * From the parsed content of a config.json (snake_case). Keys that VisualBERT does not know are kept in `extra`.
   * Where `num_labels` and `id2label` disagree the table wins, as in transformers.
   */
  static fromJSON(json: object): VisualBertConfig {
    requireOptions('VisualBertConfig', json, 'an object of fields');
    const fields: Record<string, unknown> = {};
    const extra: Record<string, unknown> = {};
    const known = new Set(Object.keys(DEFAULTS).filter((field) => field !== 'extra'));
    for (const [key, value] of Object.entries(json)) {
      const field = camelCase(key);
      if (known.has(field) && key === snakeCase(field)) fields[field] = value ?? undefined;
      else if (key !== 'model_type') extra[key] = value;
    }
    for (const field of ['padTokenId', 'bosTokenId', 'eosTokenId']) {
      if ((json as Record<string, unknown>)[snakeCase(field)] === null) fields[field] = null;
    }
    if (fields['id2label'] !== undefined) delete fields['numLabels'];
    return new VisualBertConfig({ ...fields, extra });
  }

  /** The configuration of a folder or of a repository of the hub. @throws CheckpointError, HubError, ConfigError */
  static async fromPretrained(where: string, location: PretrainedLocation = {}): Promise<VisualBertConfig> {
    requireOptions('VisualBertConfig.fromPretrained', location);
    return (await loadConfig(await locatePretrained(where, location))).config;
  }

  /** The content of a config.json that transformers reads. @throws ConfigError when hiddenAct is a function: files hold names. */
  toJSON(): Record<string, unknown> {
    if (typeof this.hiddenAct !== 'string') {
      throw new ConfigError(
        'VisualBertConfig: a hiddenAct given as a function cannot be saved; set hiddenAct to the name of an activation',
      );
    }
    const { extra, numLabels, ...fields } = this;
    const json: Record<string, unknown> = { model_type: 'visual_bert', ...extra };
    const onlyIfChanged = new Set([
      'outputAttentions',
      'outputHiddenStates',
      'returnDict',
      'prunedHeads',
      'classifierTransform',
    ]);
    const defaultLabels = numLabels === 2 && same(fields.id2label, labelTable(2));
    for (const [field, value] of Object.entries(fields)) {
      if (onlyIfChanged.has(field) && same(value, DEFAULTS[field as keyof VisualBertConfig])) continue;
      if (defaultLabels && (field === 'id2label' || field === 'label2id')) continue;
      json[snakeCase(field)] = value;
    }
    return json;
  }
}

const DEFAULTS = new VisualBertConfig();

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The configuration next to the weights. @throws CheckpointError when there is none, or of another kind of model; ConfigError naming the file */
export async function loadConfig(files: PretrainedFiles): Promise<{ config: VisualBertConfig; notes: string[] }> {
  const { json, notes } = await requireConfigJson(files);
  try {
    return { config: VisualBertConfig.fromJSON(json), notes };
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${files.name}/config.json: ${error.message}`) : error;
  }
}
