// A model's forward pass on arrays, over any runner.
import type { RawTensors } from '../raw-tensor.js';
import { flattenOutputs, readInputs } from './arrays.js';
import { createEagerRunner } from './eager-runner.js';
import type { RunnableModel, InputValues } from './runnable-model.js';
import type { RunFunction, Runner, TensorFunction } from './runner.js';

/** Holds the model's parameters until `dispose`. */
export interface ForwardPass {
  readonly compiled: boolean;
  outputs(inputs: InputValues): Promise<RawTensors>;
  /** Prepares another function of the same parameters, such as one with gradients; keep what it returns, since each call records anew. @param name for profiles and errors */
  prepare(fn: TensorFunction, name: string): RunFunction;
  dispose(): Promise<void>;
}

/** Inference without dropout, op by op on the current backend. */
export function createEagerForwardPass(model: RunnableModel): ForwardPass {
  return forwardPassOver(model, createEagerRunner(model.namedParameters()));
}

/** Inference without dropout over a runner that has the model's parameters. */
export function forwardPassOver(model: RunnableModel, runner: Runner): ForwardPass {
  const forward = runner.prepare(
    (batch) => flattenOutputs(model.compute(batch, { training: false, dropoutKey: null })),
    'forward',
  );
  return {
    compiled: runner.compiled,
    outputs: async (inputs) => forward(model.prepareArrays(await readInputs(inputs)).arrays),
    prepare: (fn, name) => runner.prepare(fn, name),
    dispose: () => runner.dispose(),
  };
}
