// A model's forward pass as arrays in, arrays out: recorded on the native engine, op by op elsewhere.
import * as tf from '@tensorflow/tfjs';
import type { Precision } from '../../engine/recording/precision.js';
import { ConfigError } from '../../errors.js';
import { createCompiledRunner } from './compiled-step.js';
import { flattenOutputs, type RawTensors, toRawInputs } from './inputs.js';
import { createEagerRunner } from './runner.js';
import { type StepInputs, type TrainableModel } from './trainable-model.js';

/** Holds the model's parameters until `dispose`. */
export interface ForwardPass {
  readonly compiled: boolean;
  outputs(inputs: StepInputs): Promise<RawTensors>;
  dispose(): Promise<void>;
}

/** Inference without dropout. `compile` defaults to whether the native engine is the backend. @throws ConfigError for a low precision without it */
export async function createForwardPass(
  model: TrainableModel,
  { compile, precision = 'fp32' }: { compile?: boolean | undefined; precision?: Precision } = {},
): Promise<ForwardPass> {
  tf.backend(); // starts the backend that is about to be asked for
  const isCompiled = compile ?? tf.getBackend() === 'tensorflow';
  if (!isCompiled && precision !== 'fp32')
    throw new ConfigError(`precision "${precision}" needs the native engine; use fp32 on ${tf.getBackend()}`);
  const runner = isCompiled
    ? await createCompiledRunner(model, precision, { readOnly: { matrices: isLinearWeight, precision } })
    : createEagerRunner(model.namedParameters());
  const forward = runner.prepare(
    (batch) => flattenOutputs(model.compute(batch, { training: false, dropoutKey: null })),
    'forward',
  );
  return {
    compiled: runner.compiled,
    outputs: async (inputs) => forward(toRawInputs(model, inputs)),
    dispose: () => runner.dispose(),
  };
}

/** `[out, in]` of a linear layer, and no table whose rows are looked up. */
function isLinearWeight(name: string): boolean {
  return name.endsWith('.weight') && !name.endsWith('_embeddings.weight');
}
