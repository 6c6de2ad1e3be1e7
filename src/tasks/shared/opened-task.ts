// An opened task as the commands use it: its data sets, batches and metrics, and the file for its evaluation server.
import type { VisualBertConfigOptions } from '../../config/config.js';
import type { DetectorIdentity } from '../../features/detector-identity.js';
import type { Architecture } from '../../models/pretrained/classify.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { Dataset, Task } from '../../training/task.js';

/** Train: labels are needed. Evaluate: labels are needed, metrics are complete. Predict: labels are optional. */
export type Purpose = 'train' | 'evaluate' | 'predict';

export interface TaskContext {
  purpose: Purpose;
  /** Folder or hub id of the model, whose vocabulary and answers are used; null for a model made from nothing. */
  model: string | null;
  /** Positions of a model made from nothing: no text is longer. */
  maxPositionEmbeddings?: number;
  /** Width of the regions that a model made from nothing is meant for: it tells the axes of grids apart where their shape does not. */
  visualEmbeddingDim?: number;
  /** Of the shuffled-regions control. Default 0. */
  seed?: number;
}

/** Collects predictions batch by batch and writes them as the evaluation server takes them. */
export interface PredictionWriter<E> {
  update(examples: readonly E[], outputs: Record<string, RawTensor>): void;
  /** @param indices in the data set of all examples that came, in the order in which they came; absent: that order. */
  write(path: string, indices?: readonly number[]): Promise<void>;
}

/** An image whose examples were left out, with `skipBadImages`. */
export interface LeftOutImage {
  id: string;
  reason: string;
  /** Examples that show it. */
  examples: number;
}

export interface OpenedTask<E = unknown> {
  readonly task: Task<E>;
  readonly modelClass: Architecture;
  readonly processor: VisualBertProcessor;
  /** The examples of `questions`, `data`, ...: of training for `train`, else those to evaluate or predict. */
  readonly data: Dataset<E>;
  /** The validation examples, when there are any. */
  readonly validation: Dataset<E> | null;
  /** Of both data sets; none without `skipBadImages`. */
  readonly leftOut: readonly LeftOutImage[];
  /** What found the regions of `data`; null where their files do not say. */
  readonly detector: DetectorIdentity | null;
  /** What the data say about the model: classes with their names and, for a new model, vocabulary and feature width. */
  readonly config: VisualBertConfigOptions;
  /** Whether the order of the classes is that of a given list, or fixed: a head of as many classes without names is taken to be theirs. */
  readonly hasGivenClasses?: boolean;
  createPredictions(): PredictionWriter<E>;
  close(): Promise<void>;
}
