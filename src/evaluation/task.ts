// The interfaces of data sets and tasks, for training and evaluation.
import { type Buckets } from '../processing/batch.js';
import { type Batch } from '../inference/fill-batch.js';
import { type RawTensor } from '../raw-tensor.js';

/** Examples by index. `fingerprint` changes when the examples do; a resumed run compares it. */
export interface Dataset<E> {
  readonly length: number;
  readonly fingerprint: string;
  example(index: number): Promise<E>;
  /** Approximate lengths without reading the example: text tokens and regions, to group batches and fit buckets. */
  sizeOf?(index: number): { text: number; regions: number };
}

/** Collects examples with the model's outputs; `compute` returns the metrics over all of them. */
export interface Metric<E> {
  update(examples: readonly E[], outputs: Record<string, RawTensor>): void;
  compute(): Record<string, number>;
  /**
   * What `update` would keep of these examples, as data that JSON carries unchanged. With it and `add` several workers share an evaluation;
   * else worker 0 evaluates alone.
   */
  judge?(examples: readonly E[], outputs: Record<string, RawTensor>): readonly unknown[];
  /** Keeps what `judge` gave, here or on another worker. */
  add?(judged: readonly unknown[]): void;
}

/** One evaluated example, for reports. */
export interface ExampleNote {
  id: string;
  /** The question or statement. */
  text: string;
  expected: string;
  predicted: string;
  /** The most likely answers with their probabilities, best first. */
  scores: readonly (readonly [answer: string, probability: number])[];
  /** Score of the prediction, from 0 to 1. */
  correct: number;
  images?: readonly NotedImage[];
}

/** An image of a noted example, without its pixels. */
export interface NotedImage {
  id: string;
  width?: number;
  height?: number;
  /** x1, y1, x2, y2 in pixels. */
  boxes?: readonly (readonly number[])[];
  /** Boxes of the expected answer, and below those of the prediction. */
  expectedBoxes?: readonly (readonly number[])[];
  predictedBoxes?: readonly (readonly number[])[];
}

/** Options of a batch. */
export interface CollateOptions {
  seed: number;
  epoch: number;
  /** false for evaluation and prediction. */
  training: boolean;
  /** Lengths that texts and regions are padded to, fitted to the data set. Default: `DEFAULT_BUCKETS`. */
  buckets?: Buckets;
}

/** A task: collates examples into batches, and evaluates outputs. */
export interface Task<E> {
  readonly name: string;
  /** The metric of `Metric.compute()` that selects the best checkpoint. */
  readonly primaryMetric: string;
  readonly greaterIsBetter: boolean;
  /** Builds a batch; random choices (masking, captions) depend only on seed, epoch and the example. */
  collate(examples: readonly E[], options: CollateOptions): Promise<Batch>;
  /** Names of the model's outputs that belong to the whole batch, as `loss` does; all others have the examples on their first axis. */
  readonly sharedOutputs?: readonly string[];
  createMetric(): Metric<E>;
  /** Notes on evaluated examples for reports; optional. */
  describe?(examples: readonly E[], outputs: Record<string, RawTensor>): ExampleNote[];
}
