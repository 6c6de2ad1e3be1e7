// What the trainer asks of a data set and of a task; it knows nothing else about vision or language.
import { type Buckets } from '../processing/batch.js';
import { type RawTensor } from '../raw-tensor.js';

/** Examples by index. `fingerprint` changes when the examples do: a resumed run compares it. */
export interface Dataset<E> {
  readonly length: number;
  readonly fingerprint: string;
  example(index: number): Promise<E>;
  /** Lengths without reading the example: text tokens and regions, near enough to group batches and to fit buckets. */
  sizeOf?(index: number): { text: number; regions: number };
}

/** Model inputs by their camelCase names, labels included, and the number of examples that they hold. */
export interface Batch {
  /** `[count, ...]`: the examples lie on the first axis. */
  inputs: Record<string, RawTensor>;
  /** Inputs of the batch as a whole, of any shape. */
  shared?: Record<string, RawTensor>;
  count: number;
}

/** Collects examples with the model's outputs; `compute` gives named metrics over all of them. */
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

/** One judged example, as reports show it. */
export interface ExampleNote {
  id: string;
  /** The question or statement. */
  text: string;
  expected: string;
  predicted: string;
  /** The most likely answers with their probabilities, best first. */
  scores: readonly (readonly [answer: string, probability: number])[];
  /** How right the prediction is, from 0 to 1. */
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
  /** Of these, or beside them, where the answer lies and where the model looked for it. */
  expectedBoxes?: readonly (readonly number[])[];
  predictedBoxes?: readonly (readonly number[])[];
}

/** What a batch is made with. */
export interface CollateOptions {
  seed: number;
  epoch: number;
  /** false for evaluation and prediction. */
  training: boolean;
  /** Lengths that texts and regions are padded to, fitted to the data set. Default: `DEFAULT_BUCKETS`. */
  buckets?: Buckets;
}

/** How examples become batches and how outputs are judged. */
export interface Task<E> {
  readonly name: string;
  /** The key of `Metric.compute()` that picks the best checkpoint. */
  readonly primaryMetric: string;
  readonly greaterIsBetter: boolean;
  /** Builds a batch; random choices (masking, captions) depend on seed, epoch and the example alone. */
  collate(examples: readonly E[], options: CollateOptions): Promise<Batch>;
  createMetric(): Metric<E>;
  /** What reports say about judged examples; a task without it has no examples in its reports. */
  describe?(examples: readonly E[], outputs: Record<string, RawTensor>): ExampleNote[];
}
