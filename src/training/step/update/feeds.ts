// Values that change between updates. They are no inputs of the model, but enter a prepared function as inputs: one recording serves every update.
import type * as tf from '@tensorflow/tfjs';
import { rawScalar } from '../../../inference/arrays.js';
import { type UpdateScalars } from '../optimizer.js';
import { type TensorFunction } from '../../../inference/runner.js';
import type { RawTensors, Tensors } from '../../../raw-tensor.js';

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

/** The input of a prepared function that holds each feed: names that no input of a model has. */
const FEED_INPUTS = {
  dropoutKey: 'update/dropoutKey',
  share: 'update/share',
  rate: 'update/rate',
  firstCorrection: 'update/firstCorrection',
  secondCorrection: 'update/secondCorrection',
} as const satisfies Record<keyof FeedTensors, string>;

/** An update as a function that a runner can prepare. Its inputs are those of `fedInputs`. */
export function fedFunction(update: UpdateFunction): TensorFunction {
  const ofUpdate = new Set<string>(Object.values(FEED_INPUTS));
  return (inputs) => {
    const batch = Object.fromEntries(Object.entries(inputs).filter(([name]) => !ofUpdate.has(name)));
    const feeds = Object.entries(FEED_INPUTS).map(([feed, input]) => [feed, inputs[input]]);
    return update(batch, Object.fromEntries(feeds) as FeedTensors);
  };
}

/** The inputs of a prepared `fedFunction`. */
export function fedInputs(batch: RawTensors, { dropoutKey, ...scalars }: Feeds<number, readonly number[]>): RawTensors {
  const { rate, firstCorrection, secondCorrection, share } = scalars;
  return {
    ...batch,
    [FEED_INPUTS.dropoutKey]: { dtype: 'int32', shape: [dropoutKey.length], data: Int32Array.from(dropoutKey) },
    [FEED_INPUTS.rate]: rawScalar(rate),
    [FEED_INPUTS.firstCorrection]: rawScalar(firstCorrection),
    [FEED_INPUTS.secondCorrection]: rawScalar(secondCorrection),
    [FEED_INPUTS.share]: rawScalar(share),
  };
}
