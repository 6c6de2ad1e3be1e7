// The two update rules as pure functions of one parameter's tensors, for the eager and the compiled step.
import { tf } from '#tf';
import { fused } from '../../fused.js';

export const OPTIMIZERS = ['adamw', 'bertadam'] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

export interface MomentOptions {
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** Scalars that all parameters share in one update. They are inputs, so that a recorded step can be reused. */
export interface UpdateScalars<S = number> {
  /** Learning rate before a group's factor. */
  rate: S;
  /** AdamW: `1 / (1 - beta1^t)`; BertAdam: 1. */
  firstCorrection: S;
  /** AdamW: `1 / sqrt(1 - beta2^t)`; BertAdam: 1. */
  secondCorrection: S;
}

/** A parameter with its moments, all float32 of one shape. */
export interface Slots {
  parameter: tf.Tensor;
  first: tf.Tensor;
  second: tf.Tensor;
}

export interface UpdateRule {
  /** Whether `maxGradNorm` bounds each parameter's own gradient instead of the norm over all. */
  readonly clipsPerParameter: boolean;
  /** Scalars of the update that follows `step` earlier ones. */
  scalars(step: number, rate: number): UpdateScalars;
  /** New values of the slots. `rateFactor` and `decay` belong to the parameter's group. */
  update(slots: Slots, gradient: tf.Tensor, scalars: UpdateScalars<tf.Scalar>, group: GroupFactors): Slots;
  /** Clipping and update in one kernel that works in place; null when the backend lacks it. */
  updateAtOnce(
    slots: Slots,
    gradient: tf.Tensor,
    scalars: UpdateScalars<tf.Scalar>,
    group: GroupFactors,
    clipping: Clipping,
  ): Slots | null;
  /** The same for all parameters with few kernels, in their order; null when the backend lacks it. */
  updateTogether(
    updates: readonly ParameterUpdate[],
    scalars: UpdateScalars<tf.Scalar>,
    clipping: Clipping,
  ): Slots[] | null;
}

/** The update of one parameter among several. */
export interface ParameterUpdate {
  slots: Slots;
  gradient: tf.Tensor;
  group: GroupFactors;
}

/** How gradients are scaled before an update. */
export interface Clipping {
  /** Norm of all gradients, or of this one: see `clipsPerParameter`. */
  norm: tf.Scalar;
  /** Bound of the norm; null: none. */
  maxNorm: number | null;
  /** A norm that is not finite leaves everything unchanged. */
  skipNonFinite: boolean;
}

export interface GroupFactors {
  rateFactor: number;
  decay: number;
}

/**
 * `torch.optim.AdamW`: `p *= 1 - lr*decay`, then `p -= lr * m^ / (sqrt(v^) + epsilon)` with bias-corrected moments.
 * @see https://arxiv.org/abs/1711.05101
 */
export function adamW({ beta1, beta2, epsilon }: MomentOptions): UpdateRule {
  return {
    clipsPerParameter: false,
    scalars: (step, rate) => ({
      rate,
      firstCorrection: 1 / (1 - beta1 ** (step + 1)),
      secondCorrection: 1 / Math.sqrt(1 - beta2 ** (step + 1)),
    }),
    update: ({ parameter, first, second }, gradient, { rate, firstCorrection, secondCorrection }, group) => {
      const m = lerp(first, gradient, 1 - beta1);
      const v = lerp(second, tf.square(gradient), 1 - beta2);
      const groupRate = tf.mul(rate, group.rateFactor);
      const decayed = group.decay > 0 ? tf.mul(parameter, tf.sub(1, tf.mul(groupRate, group.decay))) : parameter;
      const scale = tf.add(tf.mul(tf.sqrt(v), secondCorrection), epsilon);
      const change = tf.mul(tf.div(m, scale), tf.mul(groupRate, firstCorrection));
      return { parameter: tf.sub(decayed, change), first: m, second: v };
    },
    updateAtOnce: updateInOneKernel({ beta1, beta2, epsilon }),
    updateTogether: updateInFewKernels({ beta1, beta2, epsilon }),
  };
}

/**
 * The authors' BertAdam: no bias correction, decay inside the update, each parameter's gradient clipped separately.
 * @see uclanlp/visualbert `pytorch_pretrained_bert/optimization.py`
 */
export function bertAdam({ beta1, beta2, epsilon }: MomentOptions): UpdateRule {
  return {
    clipsPerParameter: true,
    scalars: (_, rate) => ({ rate, firstCorrection: 1, secondCorrection: 1 }),
    update: ({ parameter, first, second }, gradient, { rate }, group) => {
      const m = lerp(first, gradient, 1 - beta1);
      const v = lerp(second, tf.square(gradient), 1 - beta2);
      const adam = tf.div(m, tf.add(tf.sqrt(v), epsilon));
      const update = group.decay > 0 ? tf.add(adam, tf.mul(parameter, group.decay)) : adam;
      return { parameter: tf.sub(parameter, tf.mul(update, tf.mul(rate, group.rateFactor))), first: m, second: v };
    },
    // the same kernel: with corrections of 1, decay inside and before the update are the same formula
    updateAtOnce: updateInOneKernel({ beta1, beta2, epsilon }),
    updateTogether: () => null, // each parameter has a norm of its own
  };
}

function updateInOneKernel(moments: MomentOptions): UpdateRule['updateAtOnce'] {
  return (slots, gradient, scalars, { decay, rateFactor }, { norm, maxNorm, skipNonFinite }) => {
    const attributes = { ...moments, maxNorm: maxNorm ?? Infinity, skipNonFinite, decay, rateFactor };
    const outputs = fused('FusedAdamW', { ...slots, gradient, norm, ...scalars }, attributes);
    if (outputs === null) return null;
    const [parameter, first, second] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    return { parameter, first, second };
  };
}

function updateInFewKernels(moments: MomentOptions): UpdateRule['updateTogether'] {
  return (updates, scalars, { norm, maxNorm, skipNonFinite }) => {
    const tensors = updates.flatMap(({ slots, gradient }, i) =>
      Object.entries({ ...slots, gradient }).map(([name, tensor]) => [`${name}${i}`, tensor] as const),
    );
    const attributes = {
      ...{ ...moments, maxNorm: maxNorm ?? Infinity, skipNonFinite },
      decays: updates.map(({ group }) => group.decay),
      rateFactors: updates.map(({ group }) => group.rateFactor),
    };
    const outputs = fused('FusedAdamWOfMany', { ...Object.fromEntries(tensors), norm, ...scalars }, attributes);
    if (outputs === null) return null;
    return updates.map((_, i) => {
      const [parameter, first, second] = outputs.slice(3 * i) as [tf.Tensor, tf.Tensor, tf.Tensor];
      return { parameter, first, second };
    });
  };
}

/** `a + (b - a) * weight`. */
function lerp(a: tf.Tensor, b: tf.Tensor, weight: number): tf.Tensor {
  return tf.add(a, tf.mul(tf.sub(b, a), weight));
}

/** The update rule of an optimizer's name. */
export function createUpdateRule(optimizer: OptimizerName, options: MomentOptions): UpdateRule {
  return optimizer === 'adamw' ? adamW(options) : bertAdam(options);
}
