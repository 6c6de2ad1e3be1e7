// A model's forward pass in Node: recorded on the native engine, op by op elsewhere.
import * as tf from '@tensorflow/tfjs';
import type { PredictionPrecision } from '../../engine/recording/precision.js';
import { ConfigError } from '../../errors.js';
import { createCompiledRunner } from './compiled-step.js';
import { createEagerForwardPass, type ForwardPass, forwardPassOver } from './forward-pass.js';
import { type TrainableModel } from './trainable-model.js';

export interface ForwardPassOptions {
  /** Default: whether the native engine is the backend. */
  compile?: boolean | undefined;
  /** Of matrix products; others than `fp32` need the native engine. Default `fp32`. */
  precision?: PredictionPrecision;
}

/** Inference without dropout. `compile` defaults to whether the native engine is the backend. @throws ConfigError for a low precision without it */
export async function createForwardPass(
  model: TrainableModel,
  { compile, precision = 'fp32' }: ForwardPassOptions = {},
): Promise<ForwardPass> {
  tf.backend(); // starts the backend that is about to be asked for
  const isCompiled = compile ?? tf.getBackend() === 'tensorflow';
  if (!isCompiled && precision !== 'fp32')
    throw new ConfigError(`precision "${precision}" needs the native engine; use fp32 on ${tf.getBackend()}`);
  if (!isCompiled) return createEagerForwardPass(model);
  return forwardPassOver(
    model,
    await createCompiledRunner(model, precision, {
      readOnly: { matrices: isLinearWeight, precision, packs: true, exact: isOfHead },
    }),
  );
}

/** Of the layers that read single positions and give the scores: they cost little, and every rounding of theirs is seen. */
function isOfHead(name: string): boolean {
  return !/(^|\.)(encoder|additional_layer|embeddings)\./.test(name);
}

/** `[out, in]` of a linear layer, and no table whose rows are looked up. */
function isLinearWeight(name: string): boolean {
  return name.endsWith('.weight') && !name.endsWith('_embeddings.weight');
}
