// Types of loading and saving: options, reports, and the model as they see it.
import type * as tf from '@tensorflow/tfjs';
import type { VisualBertConfig } from '../../config/config.js';
import type { HubOptions } from '#platform';
import type { WeightInitializer } from '../../layers/initializers.js';
import type { StoredDType } from '../../stored-dtype.js';
import type { TensorFileFormat } from '../../checkpoint/tensor-file.js';

/** Options of `fromPretrained`. */
export interface FromPretrainedOptions extends HubOptions {
  /** Overrides the config.json next to the weights. */
  config?: VisualBertConfig;
  /** Changes the number of labels of the configuration found. */
  numLabels?: number;
  /** Leave parameters fresh whose shape differs in the file, instead of throwing. They are listed in the report. */
  ignoreMismatchedSizes?: boolean;
  /** Leave the parameters of the head fresh, for other classes than the file's. They are listed in the report. */
  newHead?: boolean;
  /** Seed of the parameters that the file does not fill. Default 0. */
  seed?: number;
  /** The model that a LoRA adapter was trained on: `where` is the adapter then, and is merged onto it. Folder, file, address or repository id. */
  base?: string;
  /** Parameters that the file does not fill: true allows them, since they will be trained, false throws. Default: a warning. */
  allowFreshWeights?: boolean | undefined;
}

/** How every key of the file and every parameter of the model was used. */
export interface LoadingReport {
  /** Folder, repository or address the weights came from. */
  source: string;
  format: TensorFileFormat;
  /** Parameters of the model, tied ones once. */
  parameterCount: number;
  /** Parameters that the file does not hold: they have fresh values. */
  missingKeys: string[];
  /** The missing ones that are copies of text tables (`specialVisualInitialize`), not random. */
  copiedKeys: string[];
  /** Keys of the file that the model does not use. */
  unexpectedKeys: string[];
  /** Keys left out by `ignoreMismatchedSizes` or `newHead`; the parameters have fresh values. */
  mismatchedKeys: { key: string; fileShape: number[]; modelShape: number[] }[];
  /** Keys of the file that add no data: buffers such as position_ids, and second names of tied parameters. */
  ignoredKeys: string[];
  /** Parameters that share their data in the model's design but differ in the file: the model was created without tying. */
  untiedKeys: string[];
  /** Parameters with NaN or infinite values. */
  nonFiniteKeys: string[];
  /** Prefixes removed from the keys: wrappers such as `_orig_mod. (torch.compile)`, and the attribute that held the model. */
  wrappers: string[];
  /** Further notes, such as a published checkpoint loaded as another class. */
  notes: string[];
  /** How many tensors the file stored in each dtype; all became float32. */
  storedDtypes: Partial<Record<StoredDType, number>>;
}

/** A model that can be loaded. */
export interface LoadableModel {
  readonly config: VisualBertConfig;
  /** By transformers' names, PyTorch's shapes, tied parameters once. */
  namedParameters(): Map<string, tf.Variable>;
  /** Second name of a tied parameter -> its name in namedParameters. */
  readonly tiedWeights: ReadonlyMap<string, string>;
  dispose(): void;
}

/**
 * Creates a model; `initializer` makes every parameter's initial value. `report` gives the use of every key once the model is opened, with the
 * keys that are not finite among the values read so far.
 */
export type ModelFactory<M extends LoadableModel> = (
  config: VisualBertConfig,
  initializer: WeightInitializer,
  report: () => LoadingReport,
) => M;

/** Options of `savePretrained`. */
export interface SavePretrainedOptions {
  /** Default `safetensors`. */
  format?: 'safetensors' | 'pytorch';
  /** Default `float32`. */
  dtype?: 'float32' | 'float16' | 'bfloat16';
  /** Largest file: bytes, or text such as `5GB` (powers of ten) or `500MiB`. Default `5GB`. */
  maxShardSize?: number | string;
}

/** A model that can be saved: parameters are read one by one, so that the model is not copied. */
export interface SavableModel {
  /** transformers' class name, for `architectures` in config.json. */
  readonly className: string;
  readonly config: VisualBertConfig;
  readonly tiedWeights: ReadonlyMap<string, string>;
  /** Shapes by name, tied parameters once. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Current values of one parameter. */
  read(name: string): Promise<Float32Array>;
}
