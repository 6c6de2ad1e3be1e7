// The loss of one batch and its gradients, and their sums over the batches of an accumulated update.
import { tf } from '#tf';
import { type LossScale } from './loss-scale.js';
import type { TrainableModel } from '../trainable-model.js';
import type { ComputeContext } from '../../../models/backbone.js';
import type { Tensors } from '../../../raw-tensor.js';
import type { OutputTensors } from '../../../inference/runnable-model.js';

/** Gradients by parameter name, in the order of the parameters; parameters that the batch does not train have none. */
export type Gradients = ReadonlyMap<string, tf.Tensor>;

/** Names of the parameters with a gradient from earlier batches of the update: batches with other inputs may train other parameters. */
export type Summed = ReadonlySet<string>;

/** The role of a batch in an update of several batches. */
export interface Accumulation {
  /** Variables for the sum of each parameter's gradients. */
  sums: ReadonlyMap<string, tf.Variable>;
  /** The sums that are valid so far. */
  earlier: Summed;
  isLast: boolean;
}

/**
 * The loss and its gradients. With a loss scale the backward pass runs on the scaled loss; the results are unscaled.
 * @param weight factor of loss and gradients; null: none
 */
export function computeGradients(
  model: TrainableModel,
  parameters: ReadonlyMap<string, tf.Variable>,
  batch: Tensors,
  context: ComputeContext,
  lossScale: LossScale | null,
  weight: tf.Scalar | null,
): { loss: tf.Tensor; gradients: Gradients } {
  const { value, grads } = tf.variableGrads(() => {
    const plain = lossOf(model, batch, context);
    const loss: tf.Scalar = weight === null ? plain : tf.mul(plain, weight);
    return lossScale === null ? loss : tf.mul(loss, lossScale.scale);
  }, [...parameters.values()]);
  const inverse = lossScale === null ? null : tf.div(1, lossScale.scale);
  const unscaled = (x: tf.Tensor): tf.Tensor => {
    if (inverse === null) return x;
    const result = tf.mul(x, inverse);
    x.dispose(); // one by one: both forms of all gradients would take their memory twice
    return result;
  };
  const found = [...parameters].flatMap(([name, variable]) => {
    const gradient = grads[variable.name];
    return gradient ? [[name, unscaled(gradient)] as const] : [];
  });
  return { loss: unscaled(value), gradients: new Map(found) };
}

/** Adds a batch's share to the sums of earlier batches. Parameters that this batch does not train keep their sum. */
export function accumulate(gradients: Gradients, share: tf.Scalar, { sums, earlier }: Accumulation): Gradients {
  const totals = [...sums].flatMap(([name, sum]) => {
    const gradient = gradients.get(name);
    const part = gradient === undefined ? null : tf.mul(gradient, share);
    if (part === null) return earlier.has(name) ? [[name, sum] as const] : [];
    return [[name, earlier.has(name) ? tf.add(sum, part) : part] as const];
  });
  return new Map(totals);
}

/** Stores the totals for the next batch. Returns a flag per parameter: whether its sum is valid. */
export function storeSums(totals: Gradients, sums: ReadonlyMap<string, tf.Variable>): tf.Tensor1D {
  for (const [name, sum] of sums) {
    const total = totals.get(name);
    if (total !== undefined && total !== sum) sum.assign(total);
  }
  return tf.tensor1d(
    [...sums.keys()].map((name) => totals.has(name)),
    'bool',
  );
}

function lossOf(model: TrainableModel, batch: Tensors, context: ComputeContext): tf.Scalar {
  const { loss } = model.compute(batch, context) as OutputTensors;
  if (loss === undefined) {
    throw new TypeError(
      `expected labels among the inputs ${Object.keys(batch).join(', ')}, the model returned no loss; give labels`,
    );
  }
  return loss;
}
