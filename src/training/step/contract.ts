// The interface of a training step, eager or compiled.
import type { ChromeTrace } from '../../engine/session/contract.js';
import type { RawTensors, ReadTensor } from '../../raw-tensor.js';
import type { ResolvedStepOptions } from './options.js';
import type { StepInputs, StepOutputs } from './trainable-model.js';

/** The result of one update. */
export interface StepResult {
  /** Mean loss over the examples of the update. */
  loss: number;
  /** Norm of all gradients before clipping. */
  gradientNorm: number;
  /** The rate that was used, before a layer's own factor. */
  learningRate: number;
  /** With `fp16`: the factor of the next update's loss. It falls after an update that was not finite, which changes nothing. */
  lossScale?: number;
}

/** Trains a model whose parameters it holds until `dispose`. Calls are carried out in order, also when not awaited. */
export interface TrainingStep {
  readonly compiled: boolean;
  /** Graphs recorded so far, one for each function and shapes of its inputs; 0 for an eager step. */
  readonly recordings: number;
  /** Updates made so far: the number of the next one, counted from 0. */
  readonly step: number;
  readonly options: Readonly<ResolvedStepOptions>;
  /**
   * One update. Several batches are accumulated: their gradients are averaged, weighted by their numbers of examples
   * (`exampleCount`, else the first axis of the text). They may train different parameters: only one that no batch trains is skipped.
   * Inputs must stay unchanged until the promise settles.
   * @param shares of each batch among the examples of the update; with several workers among those of all, and required
   */
  run(inputs: StepInputs | readonly StepInputs[], shares?: readonly number[]): Promise<StepResult>;
  /**
   * `run` with TensorFlow's own timeline of the update: of its last batch, where several are accumulated.
   * The first call for a signature also shows what is done once; profile a later one.
   * @throws ConfigError when the step is eager
   */
  profile(
    inputs: StepInputs | readonly StepInputs[],
    shares?: readonly number[],
  ): Promise<{ result: StepResult; trace: ChromeTrace }>;
  /**
   * With several workers: takes over parameters, optimizer state and counts of worker 0. Returns a checksum of them, to be compared.
   * @throws ConfigError when the step has no workers
   */
  synchronise(): Promise<string>;
  /** Forward pass without dropout on the live parameters. The caller owns the tensors. */
  evaluate(inputs: StepInputs): Promise<StepOutputs>;
  /** The same, with arrays instead of tensors (without hidden states and attentions). */
  outputs(inputs: StepInputs): Promise<RawTensors>;
  /** Exchanges the parameters with their moving average while `use` runs. @throws ConfigError without `emaDecay`. */
  withAverage<T>(use: () => Promise<T>): Promise<T>;
  /** Writes moments, step, seed and schedule into a folder. */
  saveState(dir: string): Promise<void>;
  /**
   * Reads what `saveState` wrote: moments, counts, and the rate, schedule, betas, epsilon and seed, which then replace those of the step.
   * @throws CheckpointError when it is damaged, or belongs to another model or optimizer
   */
  loadState(dir: string): Promise<void>;
  /**
   * Reads the parameters, by transformers' name, as of one step: later calls wait until `use` has settled, which must not wait for one of
   * them. Each array is good until the next is read.
   */
  lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
  /** Settles once the model's variables hold what the calls so far have made of them; the step keeps the parameters. */
  syncParameters(): Promise<void>;
  /** Returns the parameters to the model, which can be used as before, and frees the rest. */
  dispose(): Promise<void>;
}
