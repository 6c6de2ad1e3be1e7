// Values that change between updates. They are no inputs of the model, but enter a prepared function as inputs: one recording serves every update.
import type * as tf from '@tensorflow/tfjs';
import { type RawTensor, type RawTensors } from '../../../raw-tensor.js';
import { rawScalar } from '../../../inference/arrays.js';
import { type UpdateScalars } from '../optimizer.js';
import { type TensorFunction } from '../../../inference/runner.js';
import type { Tensors } from '../../../raw-tensor.js';

/** Scalars float32, except the key. */
export interface Feeds<S, K = S> extends UpdateScalars<S> {
  /** int32 [2]: seed of dropout, number of the batch; or [3] with the number of this worker. */
  dropoutKey: K;
  /** Share of the update's examples that are in this batch. */
  share: S;
}

/** The feeds as tensors. */
export type FeedTensors = Feeds<tf.Scalar, tf.Tensor1D>;

/** An update as a function of a batch and its feeds. */
export type UpdateFunction = (batch: Tensors, feeds: FeedTensors) => Tensors;

/** Prefix of the feeds' names in the one table of inputs that a runner's functions take. */
const PREFIX = 'update/';

/** An update as a function that a runner can prepare. Its inputs are those of `fedInputs`. */
export function fedFunction(update: UpdateFunction): TensorFunction {
  return (inputs) => {
    const [batch, feeds]: [Tensors, Tensors] = [{}, {}];
    for (const [name, tensor] of Object.entries(inputs)) {
      if (name.startsWith(PREFIX)) feeds[name.slice(PREFIX.length)] = tensor;
      else batch[name] = tensor;
    }
    return update(batch, feeds as unknown as FeedTensors);
  };
}

/** The inputs of a prepared `fedFunction`. */
export function fedInputs(batch: RawTensors, values: Feeds<number, readonly number[]>): RawTensors {
  const named = Object.entries(rawFeeds(values)).map(([name, value]: [string, RawTensor]) => [PREFIX + name, value]);
  return { ...batch, ...(Object.fromEntries(named) as RawTensors) };
}

function rawFeeds({ dropoutKey, ...scalars }: Feeds<number, readonly number[]>): Feeds<RawTensor> {
  const { rate, firstCorrection, secondCorrection, share } = scalars;
  return {
    dropoutKey: { dtype: 'int32', shape: [dropoutKey.length], data: Int32Array.from(dropoutKey) },
    rate: rawScalar(rate),
    firstCorrection: rawScalar(firstCorrection),
    secondCorrection: rawScalar(secondCorrection),
    share: rawScalar(share),
  };
}
