// Types that model classes and their callers share: options, parts, and the holder of parameters.
import type { VisualBertConfig } from '../config/config.js';
import type { WeightInitializer } from '../layers/initializers.js';
import type { WeightedLayer } from '../layers/weighted-layer.js';
import type { ReadTensor } from '../raw-tensor.js';
import type { Backbone } from './backbone.js';
import type { LoadingReport } from './pretrained/types.js';

/** Options of a new model. */
export interface ModelOptions {
  /** Seed of fresh weights; default 0. */
  seed?: number;
  /** Makes the initial value of each parameter instead of the seed. */
  initializer?: WeightInitializer;
}

/** Options of a model that is loaded. */
export interface LoadedModelOptions extends ModelOptions {
  /** The use of every key of its file. */
  loadingReport?: () => LoadingReport;
}

/** Options of one pass. */
export interface ForwardOptions {
  /** Dropout on; default false. */
  training?: boolean;
  /** Seed of dropout; without one every call draws a new one. 0 is an ordinary seed. */
  seed?: number;
}

/** The object that temporarily holds a model's parameters: a training step. */
export interface ParameterHolder {
  /** Reads parameters at one point in time. Each array is valid until the next is read; other calls of the holder wait for `use`. */
  lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
}

/** A class that can be loaded. */
export interface ModelClass<M> {
  readonly className: string;
  new (config: VisualBertConfig, options: LoadedModelOptions & { addPoolingLayer?: boolean }): M;
}

/** The layers of a class. */
export interface ModelParts {
  backbone: Backbone;
  /** Every layer, in the order of transformers' state dict. */
  layers: WeightedLayer[];
}

/** Makes the layers of a class. */
export type PartsFactory<P extends ModelParts> = (config: VisualBertConfig, initializer: WeightInitializer) => P;
