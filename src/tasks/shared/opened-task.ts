// An opened task: its data sets, batches and metrics, and the file for its evaluation server.
import type { VisualBertConfigOptions } from '../../config/config.js';
import type { DetectorIdentity } from '../../features/detector-identity.js';
import type { Architecture } from '../../models/pretrained/classify.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { Dataset, Task } from '../../evaluation/task.js';

/** Train: labels are needed. Evaluate: labels are needed, metrics are complete. Predict: labels are optional. */
export type Purpose = 'train' | 'evaluate' | 'predict';

/** Context for opening a task. */
export interface TaskContext {
  purpose: Purpose;
  /** Folder or hub id of the model, whose vocabulary and answers are used; null for a new model. */
  model: string | null;
  /** Positions of a new model, which bound the length of texts. */
  maxPositionEmbeddings?: number;
  /** Width of a new model's regions, which distinguishes the axes of grids where their shape does not. */
  visualEmbeddingDim?: number;
  /** Seed of the shuffled-regions control. Default 0. */
  seed?: number;
}

/** Collects predictions batch by batch and writes them in the evaluation server's format. */
export interface PredictionWriter<E> {
  update(examples: readonly E[], outputs: Record<string, RawTensor>): void;
  /** @param indices of all added examples in the data set, in the order in which they were added; absent: that order is written. */
  write(path: string, indices?: readonly number[]): Promise<void>;
}

/** An image whose examples were left out, with `skipBadImages`. */
export interface LeftOutImage {
  id: string;
  reason: string;
  /** Number of examples with it. */
  examples: number;
}

/** A task with its open data sets; `close` releases their files. */
export interface OpenedTask<E = unknown> {
  readonly task: Task<E>;
  readonly architecture: Architecture;
  readonly processor: VisualBertProcessor;
  /** The examples of `questions`, `data`, ...: for `train` the training examples, else those to evaluate or predict. */
  readonly data: Dataset<E>;
  /** The validation examples, if any. */
  readonly validation: Dataset<E> | null;
  /** Left-out images of both data sets; none without `skipBadImages`. */
  readonly leftOut: readonly LeftOutImage[];
  /** The detector of the regions of `data`; null if their files do not state it. */
  readonly detector: DetectorIdentity | null;
  /** Model settings from the data: classes with names and, for a new model, vocabulary and feature width. */
  readonly config: VisualBertConfigOptions;
  /** Whether the order of classes is given or fixed: a head without names but with as many classes then counts as having them. */
  readonly hasGivenClasses?: boolean;
  createPredictions(): PredictionWriter<E>;
  close(): Promise<void>;
}
