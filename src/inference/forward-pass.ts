// A model's forward pass on arrays, over any runner.
import { type ModelInputs, type OutputFlags, outputFlags } from '../models/inputs/inputs.js';
import type { PredictionPrecision } from '../precision.js';
import type { RawTensors } from '../raw-tensor.js';
import { flattenOutputs, readInputs } from './arrays.js';
import { FunctionCache } from './function-cache.js';
import { leaveOutPadding, takeRagged } from './leave-out-padding.js';
import { createEagerRunner } from './eager-runner.js';
import type { RunnableModel, InputValues } from './runnable-model.js';
import type { RunFunction, Runner, TensorFunction } from './runner.js';

/** Holds the model's parameters until `dispose`. */
export interface ForwardPass {
  readonly compiled: boolean;
  /** Whether the encoder computes no padding for inputs of these names, so that longer padding costs little. */
  leavesOutPadding(inputs: Readonly<Record<string, unknown>>): boolean;
  /** Outputs by name; lists under flat names, such as `attentions.0`. */
  outputs(inputs: InputValues): Promise<RawTensors>;
  /** Prepares another function of the same parameters, such as one with gradients; keep what it returns, since each call records anew. @param name for profiles and errors */
  prepare(fn: TensorFunction, name: string): RunFunction;
  dispose(): Promise<void>;
}

/** Inference without dropout, op by op on the current backend. @param precision as `requireEagerPrecision` allows */
export function createEagerForwardPass(model: RunnableModel, precision?: PredictionPrecision): ForwardPass {
  return forwardPassOver(model, createEagerRunner(model.namedParameters(), precision));
}

/** Inference without dropout over a runner that has the model's parameters. */
export function forwardPassOver(model: RunnableModel, runner: Runner): ForwardPass {
  const forwards = new FunctionCache<OutputFlags, RunFunction>(isSameFlags, (flags) =>
    runner.prepare((batch) => {
      const { inputs, ragged } = takeRagged(batch);
      const context = { training: false, dropoutKey: null, ...flags, ...(ragged === undefined ? {} : { ragged }) };
      return flattenOutputs(model.compute(inputs, context));
    }, 'forward'),
  );
  const leavesOut = (inputs: Readonly<Record<string, unknown>>, flags: OutputFlags): boolean =>
    runner.canLeaveOutPadding && model.canLeaveOutPadding?.(inputs, flags) === true;
  return {
    compiled: runner.compiled,
    leavesOutPadding: (inputs) => leavesOut(inputs, {}),
    outputs: async (inputs) => {
      const { arrays } = model.prepareArrays(await readInputs(inputs)); // before the flags, since it reports invalid inputs
      const flags = outputFlags(inputs as ModelInputs);
      return forwards.get(flags)(leavesOut(arrays, flags) ? leaveOutPadding(arrays) : arrays);
    },
    prepare: (fn, name) => runner.prepare(fn, name),
    dispose: () => runner.dispose(),
  };
}

function isSameFlags(a: OutputFlags, b: OutputFlags): boolean {
  return a.outputAttentions === b.outputAttentions && a.outputHiddenStates === b.outputHiddenStates;
}
