// Values that change between updates: fed with the model's inputs, so that one recording is used for every update.
import type * as tf from '@tensorflow/tfjs';
import { type RawTensor, type RawTensors } from '../../../raw-tensor.js';
import { rawScalar } from '../inputs.js';
import { type UpdateScalars } from '../optimizer.js';
import { type StepTensors } from '../trainable-model.js';

/** Scalars float32, except the key. */
export interface Feeds<S, K = S> extends UpdateScalars<S> {
  /** int32 [2]: seed of dropout, number of the batch; or [3] with the number of this worker. */
  dropoutKey: K;
  /** Share of the update's examples that are in this batch. */
  share: S;
}

/** Prefix of the names of feeds, to distinguish them from model inputs. */
const PREFIX = 'update/';

/** The feeds as arrays. */
export function rawFeeds({ dropoutKey, ...scalars }: Feeds<number, readonly number[]>): Feeds<RawTensor> {
  const { rate, firstCorrection, secondCorrection, share } = scalars;
  return {
    dropoutKey: { dtype: 'int32', shape: [dropoutKey.length], data: Int32Array.from(dropoutKey) },
    rate: rawScalar(rate),
    firstCorrection: rawScalar(firstCorrection),
    secondCorrection: rawScalar(secondCorrection),
    share: rawScalar(share),
  };
}

/** Joins the model's inputs and the feeds to the inputs of one function. */
export function joinFeeds(batch: RawTensors, feeds: Feeds<RawTensor>): RawTensors {
  const named = Object.entries(feeds).map(([name, value]: [string, RawTensor]) => [`${PREFIX}${name}`, value] as const);
  return { ...batch, ...Object.fromEntries(named) };
}

/** The inverse of `joinFeeds`. */
export function splitFeeds(inputs: StepTensors): { batch: StepTensors; feeds: Feeds<tf.Scalar, tf.Tensor1D> } {
  const [batch, feeds]: [StepTensors, StepTensors] = [{}, {}];
  for (const [name, tensor] of Object.entries(inputs)) {
    if (name.startsWith(PREFIX)) feeds[name.slice(PREFIX.length)] = tensor;
    else batch[name] = tensor;
  }
  return { batch, feeds: feeds as unknown as Feeds<tf.Scalar, tf.Tensor1D> };
}
