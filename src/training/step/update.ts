// One update as functions of tensors: forward, gradients, accumulation, clipping, optimizer, moving average.
import * as tf from '@tensorflow/tfjs';
import { clipFactor, normOf, sumOfSquares } from './clip.js';
import { adjustLossScale, type LossScale } from './loss-scale.js';
import { type Clipping, type GroupFactors, type Slots, type UpdateRule } from './optimizer.js';
import { type StepFunction } from './runner.js';
import { type StepContext, type StepOutputs, type StepTensors, type TrainableModel } from './trainable-model.js';

/** A trained parameter with all that belongs to it. */
export interface TrainedParameter extends GroupFactors {
  parameter: tf.Variable;
  first: tf.Variable;
  second: tf.Variable;
  /** Sum of gradients so far; there when steps accumulate. */
  sum: tf.Variable | null;
  average: tf.Variable | null;
}

export interface UpdateOptions {
  rule: UpdateRule;
  maxGradNorm: number;
  emaDecay: number | undefined;
  skipNonFinite: boolean;
  gradientCheckpointing: boolean;
  labelSmoothing: number;
  /** Set for float16: the loss is scaled for the backward pass, and updates that are not finite are passed over. */
  lossScale: LossScale | null;
}

/** Where a batch stands in its update: alone, or at the start, in the middle or at the end of an accumulation. */
export type Phase = 'only' | 'first' | 'middle' | 'last';

/** Names of the parameters that earlier batches of an update gave a gradient: batches with other inputs may train other parameters. */
export type Summed = ReadonlySet<string>;

/** Inputs beside the model's own: int32 [2], and float32 scalars. */
export const STEP_INPUTS = ['dropoutKey', 'rate', 'firstCorrection', 'secondCorrection', 'share'] as const;

/**
 * The function that takes a batch and the scalars of `STEP_INPUTS`, and gives `loss` and (at the end of an update) `gradientNorm` and with
 * a scaled loss `lossScale`, the scale of the next update; all scalar. Before the end of an update it also gives `summed`, a flag for each
 * parameter: whether its sum counts.
 * A parameter without gradient is skipped whole: neither moments nor decay touch it.
 */
export function createUpdate(
  model: TrainableModel,
  parameters: ReadonlyMap<string, TrainedParameter>,
  options: UpdateOptions,
  phase: Phase,
  earlier: Summed = new Set(),
): StepFunction {
  const trained = [...parameters].map(([name, entry]) => ({
    ...entry,
    sumSoFar: earlier.has(name) ? entry.sum : null,
  }));
  const variables = trained.map(({ parameter }) => parameter);
  const ends = phase === 'only' || phase === 'last';
  const { gradientCheckpointing, labelSmoothing, lossScale } = options;
  const skipNonFinite = options.skipNonFinite || lossScale !== null;
  const context = (dropoutKey: tf.Tensor1D): StepContext => ({
    ...{ training: true, dropoutKey, gradientCheckpointing, labelSmoothing },
  });
  return (inputs): StepTensors => {
    const { dropoutKey, rate, firstCorrection, secondCorrection, share, ...batch } = inputs as StepTensors &
      StepScalars;
    const { value, grads } = tf.variableGrads(() => {
      const loss = lossOf(model, batch, context(dropoutKey));
      return lossScale === null ? loss : tf.mul(loss, lossScale.scale);
    }, variables);
    const inverseScale = lossScale === null ? null : tf.div(1, lossScale.scale);
    const unscaled = <T extends tf.Tensor>(x: T): T => (inverseScale === null ? x : tf.mul(x, inverseScale));
    const loss = unscaled(value);
    const found = trained.flatMap((entry) => {
      const own = grads[entry.parameter.name];
      const part = own && (phase === 'only' ? unscaled(own) : tf.mul(unscaled(own), share));
      const gradient = part && entry.sumSoFar ? tf.add(entry.sumSoFar, part) : (part ?? entry.sumSoFar);
      return gradient === null ? [] : [{ ...entry, gradient }];
    });
    if (!ends) {
      for (const { sum, gradient } of found) {
        if (sum === null) throw new TypeError('createUpdate: accumulation needs the variables for its sums');
        if (gradient !== sum) sum.assign(gradient);
      }
      const counts = new Set(found.map(({ parameter }) => parameter));
      const flags = variables.map((variable) => counts.has(variable));
      return { loss, summed: tf.tensor1d(flags, 'bool') };
    }
    const squares = found.map(({ gradient }) => sumOfSquares(gradient));
    const gradientNorm = normOf(squares);
    const health = tf.add(gradientNorm, loss);
    const isFinite = skipNonFinite ? tf.isFinite(health) : null;
    const limits = (norm: tf.Scalar): Limits => ({
      clipping: {
        norm: skipNonFinite ? tf.add(norm, tf.mul(health, 0)) : norm,
        maxNorm: options.maxGradNorm,
        skipNonFinite,
      },
      factor: Number.isFinite(options.maxGradNorm) ? clipFactor(norm, options.maxGradNorm) : null,
    });
    const shared = options.rule.clipsPerParameter ? null : limits(gradientNorm);
    for (const [index, entry] of found.entries()) {
      tf.tidy(() => {
        const scalars = { rate, firstCorrection, secondCorrection };
        const slots = { parameter: entry.parameter, first: entry.first, second: entry.second };
        const { clipping, factor } = shared ?? limits(normOf(squares.slice(index, index + 1)));
        const whole = options.rule.updateAtOnce(slots, entry.gradient, scalars, entry, clipping);
        const composed = (): Slots => {
          const gradient = factor === null ? entry.gradient : tf.mul(entry.gradient, factor);
          return options.rule.update(slots, gradient, scalars, entry);
        };
        const updated = whole ?? composed();
        const assign = (variable: tf.Variable, value: tf.Tensor, isKept: tf.Tensor | null): void =>
          variable.assign(isKept === null ? value : tf.where(isKept, value, variable));
        const gate = whole === null ? isFinite : null; // the kernel looks at the norm itself
        assign(entry.first, updated.first, gate);
        assign(entry.second, updated.second, gate);
        assign(entry.parameter, updated.parameter, gate);
        if (entry.average !== null) {
          assign(
            entry.average,
            tf.add(entry.average, tf.mul(tf.sub(updated.parameter, entry.average), 1 - (options.emaDecay ?? 0))),
            isFinite,
          );
        }
      });
    }
    if (lossScale === null || isFinite === null) return { loss, gradientNorm };
    return { loss, gradientNorm, lossScale: adjustLossScale(lossScale, isFinite) };
  };
}

/** What bounds a gradient: for the kernel, and as a factor where the update is composed. */
interface Limits {
  clipping: Clipping;
  factor: tf.Scalar | null;
}

interface StepScalars {
  dropoutKey: tf.Tensor1D;
  rate: tf.Scalar;
  firstCorrection: tf.Scalar;
  secondCorrection: tf.Scalar;
  /** Weight of this batch in an accumulated update. */
  share: tf.Scalar;
}

function lossOf(model: TrainableModel, batch: StepTensors, context: StepContext): tf.Scalar {
  const { loss } = model.compute(batch, context) as StepOutputs;
  if (loss === undefined) {
    throw new TypeError(`the model gave no loss for inputs ${Object.keys(batch).join(', ')}; give it labels`);
  }
  return loss;
}
