// Runs a step's functions of tensors: eagerly on tfjs (here) or on the compiled engine.
import * as tf from '@tensorflow/tfjs';
import type { ChromeTrace } from '../../engine/session/contract.js';
import { type RawTensor, type RawTensors, type ReadTensor } from '../../raw-tensor.js';
import { readRaw, toTensors } from './inputs.js';
import { type StepTensors } from './trainable-model.js';
import { type WorkerGroup } from './worker-group.js';

/** A function of tensors that may assign to variables. */
export type StepFunction = (inputs: StepTensors) => StepTensors;

/** A prepared function, called with arrays. */
export interface RunFunction {
  (inputs: RawTensors): Promise<RawTensors>;
  /** A call with its timeline; only for recorded functions. */
  profile?(inputs: RawTensors): Promise<{ outputs: RawTensors; trace: ChromeTrace }>;
}

export interface StepRunner {
  readonly compiled: boolean;
  /** Number of recorded graphs; 0 for eager runners. */
  readonly recordings: number;
  /** The workers that share each update; null for a single process. */
  readonly workers: WorkerGroup | null;
  /** A new float32 variable, filled with `fill` (default 0), freed by `dispose`. */
  addVariable(name: string, shape: readonly number[], fill?: number): tf.Variable;
  prepare(fn: StepFunction, name: string): RunFunction;
  /** Reads variables after every call made so far. Each array is valid until the next is read; later calls wait until `use` settles. */
  lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
  write(name: string, value: RawTensor): Promise<void>;
  dispose(): Promise<void>;
}

/** Whether the native engine is the current backend, which this starts. */
export function isNativeBackend(): boolean {
  tf.backend(); // starts the backend whose name is read next
  return tf.getBackend() === 'tensorflow';
}

/** Runs every function op by op on the current backend. The parameters stay in the model's variables. */
export function createEagerRunner(parameters: ReadonlyMap<string, tf.Variable>): StepRunner {
  const variables = new Map(parameters);
  const added: tf.Variable[] = [];
  const find = (name: string): tf.Variable => {
    const variable = variables.get(name);
    if (variable === undefined) throw new RangeError(`createEagerRunner: no variable "${name}"`);
    return variable;
  };
  return {
    compiled: false,
    recordings: 0,
    workers: null,
    addVariable: (name, shape, fill = 0) => {
      const variable = tf.tidy(() => tf.variable(tf.fill([...shape], fill), false));
      variables.set(name, variable);
      added.push(variable);
      return variable;
    },
    prepare: (fn) => async (inputs) => {
      const outputs = tf.tidy(() => fn(toTensors(inputs)));
      const entries = Object.entries(outputs);
      const raw = await Promise.all(entries.map(([, tensor]) => readRaw(tensor)));
      tf.dispose(outputs);
      return Object.fromEntries(entries.map(([name], index) => [name, raw[index] as RawTensor]));
    },
    lend: async (use) => use(async (name) => readRaw(find(name))),
    write: async (name, { data, shape, dtype }) => tf.tidy(() => find(name).assign(tf.tensor(data, shape, dtype))),
    dispose: async () => tf.dispose(added),
  };
}
