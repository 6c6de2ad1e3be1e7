// The interface of a training step, eager or compiled.
import type { ChromeTrace } from '../../engine/session/contract.js';
import type { RawTensors, ReadTensor } from '../../raw-tensor.js';
import type { ResolvedStepOptions } from './options.js';
import type { InputValues, OutputTensors } from '../../inference/runnable-model.js';

/** The result of one update. */
export interface StepResult {
  /** Mean loss over the examples of the update. */
  loss: number;
  /** Norm of all gradients before clipping. */
  gradientNorm: number;
  /** The learning rate of the update, before a layer's factor. */
  learningRate: number;
  /** With `fp16`: the factor of the next update's loss. It is halved after a non-finite update, which is skipped. */
  lossScale?: number;
}

/** Trains a model whose parameters it holds until `dispose`. Calls run in order, even if not awaited. */
export interface TrainingStep {
  readonly compiled: boolean;
  /** Number of recorded graphs, one per function and shapes of its inputs; 0 for an eager step. */
  readonly recordings: number;
  /** Number of updates so far, which is the index of the next one. */
  readonly step: number;
  readonly options: Readonly<ResolvedStepOptions>;
  /**
   * One update. Several batches are accumulated: their gradients are averaged, weighted by their numbers of examples
   * (`exampleCount`, else the first axis of the text). They may train different parameters: a parameter is skipped only if no batch trains it.
   * Inputs must stay unchanged until the promise settles.
   * @param shares of each batch among the examples of the update; required with several workers, relative to all their examples
   */
  run(inputs: InputValues | readonly InputValues[], shares?: readonly number[]): Promise<StepResult>;
  /**
   * `run` with TensorFlow's own timeline of the update, or of its last batch with accumulation.
   * The first call for a signature includes one-time work; profile a later one.
   * @throws ConfigError when the step is eager
   */
  profile(
    inputs: InputValues | readonly InputValues[],
    shares?: readonly number[],
  ): Promise<{ result: StepResult; trace: ChromeTrace }>;
  /**
   * With several workers: copies parameters, optimizer state and counts of worker 0. Returns their checksum, for comparison.
   * @throws ConfigError when the step has no workers
   */
  synchronise(): Promise<string>;
  /** Forward pass without dropout on the current parameters. The caller owns the tensors. */
  evaluate(inputs: InputValues): Promise<OutputTensors>;
  /** Like `evaluate`, with arrays instead of tensors (without hidden states and attentions). */
  outputs(inputs: InputValues): Promise<RawTensors>;
  /** Exchanges the parameters with their moving average while `use` runs. @throws ConfigError without `emaDecay`. */
  withAverage<T>(use: () => Promise<T>): Promise<T>;
  /** Writes moments, step, seed and schedule into a folder. */
  saveState(dir: string): Promise<void>;
  /**
   * Restores a state written by `saveState`: moments, counts, and the rate, schedule, betas, epsilon and seed, which replace those of the step.
   * @throws CheckpointError when it is damaged, or belongs to another model or optimizer
   */
  loadState(dir: string): Promise<void>;
  /**
   * Reads the parameters, by transformers' name, at one step: later calls wait until `use` settles, which must not wait for one of
   * them. Each array is valid until the next is read.
   */
  lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
  /** Resolves when the model's variables reflect all calls so far; the step keeps the parameters. */
  syncParameters(): Promise<void>;
  /** Returns the parameters to the model, which can be used again, and frees all other variables. */
  dispose(): Promise<void>;
}
