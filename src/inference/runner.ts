// The interface of a runner: it runs functions of tensors over a model's parameters, eagerly on tfjs or recorded for the engine.
import type * as tf from '@tensorflow/tfjs';
import type { ChromeTrace } from '../engine/session/contract.js';
import type { Tensors } from '../raw-tensor.js';
import type { RawTensor, RawTensors, ReadTensor } from '../raw-tensor.js';

/** A function of tensors that may assign to variables. */
export type TensorFunction = (inputs: Tensors) => Tensors;

/** A prepared function, called with arrays. */
export interface RunFunction {
  (inputs: RawTensors): Promise<RawTensors>;
  /** A call with its timeline; only for recorded functions. */
  profile?(inputs: RawTensors): Promise<{ outputs: RawTensors; trace: ChromeTrace }>;
}

/** Runs functions over the parameters of a model and its own variables. */
export interface Runner {
  readonly compiled: boolean;
  /** Number of recorded graphs; 0 for eager runners. */
  readonly recordings: number;
  /** Whether functions compute no padding where `ComputeContext.ragged` is given. */
  readonly canLeaveOutPadding: boolean;
  /** A new float32 variable, filled with `fill` (default 0), freed by `dispose`. */
  addVariable(name: string, shape: readonly number[], fill?: number): tf.Variable;
  /** @param name for profiles and errors */
  prepare(fn: TensorFunction, name: string): RunFunction;
  /** Reads variables after every call made so far. Each array is valid until the next is read; later calls wait until `use` settles. */
  lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
  write(name: string, value: RawTensor): Promise<void>;
  dispose(): Promise<void>;
}
