// One update as a function of tensors: gradients, accumulation, clipping, optimizer, moving average.
import { tf } from '#tf';
import { clipFactor, normOf, sumOfSquares, totalNorm } from './clip.js';
import { type FeedTensors, type UpdateFunction } from './feeds.js';
import { accumulate, type Accumulation, computeGradients, type Gradients, storeSums } from './gradients.js';
import { sumGradients, sumOverWorkers } from './worker-sums.js';
import { adjustLossScale, type LossScale } from './loss-scale.js';
import { type Clipping, type GroupFactors, type Slots, type UpdateRule, type UpdateScalars } from '../optimizer.js';
import { type WorkerGroup } from '../worker-group.js';
import type { TrainableModel } from '../trainable-model.js';
import type { ComputeContext } from '../../../models/backbone.js';
import type { Tensors } from '../../../raw-tensor.js';

/** A trained parameter with its slots and group. */
export interface TrainedParameter extends GroupFactors {
  parameter: tf.Variable;
  first: tf.Variable;
  second: tf.Variable;
  average: tf.Variable | null;
}

export interface UpdateOptions {
  rule: UpdateRule;
  /** Null: gradients are not clipped. */
  maxGradNorm: number | null;
  emaDecay: number | undefined;
  skipNonFinite: boolean;
  gradientCheckpointing: boolean;
  labelSmoothing: number;
  /** For float16: the loss is scaled for the backward pass, and non-finite updates are skipped. */
  lossScale: LossScale | null;
  /** The workers that share the update; null for a single process. */
  workers: WorkerGroup | null;
}

/**
 * Creates a function of a batch and its feeds. It returns `loss` and, at the end of an update, `gradientNorm` and with loss scaling
 * `lossScale`, the scale of the next update; all scalars. Before the end of an update it returns `summed`, a flag per parameter: whether
 * its sum is valid. A parameter without gradient is skipped entirely: neither moments nor decay change it.
 * With workers, batches are weighted by their share, `loss` is the sum over workers, and the update uses the summed gradients.
 * @param accumulation null when the batch is the whole update
 */
export function createUpdate(
  model: TrainableModel,
  parameters: ReadonlyMap<string, TrainedParameter>,
  options: UpdateOptions,
  accumulation: Accumulation | null,
): UpdateFunction {
  const variables = new Map([...parameters].map(([name, { parameter }]) => [name, parameter]));
  const { gradientCheckpointing, labelSmoothing, lossScale, workers } = options;
  return (batch, feeds): Tensors => {
    const { dropoutKey, share } = feeds;
    const context: ComputeContext = { training: true, dropoutKey, gradientCheckpointing, labelSmoothing };
    const isWeighted = workers !== null && accumulation === null;
    const own = computeGradients(model, variables, batch, context, lossScale, isWeighted ? share : null);
    const loss =
      workers === null ? own.loss : sumOverWorkers(isWeighted ? own.loss : tf.mul(own.loss, share), 'loss', workers);
    const totals = accumulation === null ? own.gradients : accumulate(own.gradients, share, accumulation);
    if (accumulation?.isLast === false) return { loss, summed: storeSums(totals, accumulation.sums) };
    const rowsRead = accumulation === null ? model.rowsRead?.(batch) : undefined; // sums of earlier batches have other rows
    const gradients = workers === null ? totals : sumGradients(totals, workers, rowsRead);
    return { loss, ...applyGradients(gradients, parameters, { loss, feeds, options }) };
  };
}

/** The bound of a gradient: for the kernel, and as a factor for the composed update. */
interface Limits {
  clipping: Clipping;
  factor: tf.Scalar | null;
}

/** Clips the gradients and updates parameters, moments and averages. */
function applyGradients(
  gradients: Gradients,
  parameters: ReadonlyMap<string, TrainedParameter>,
  { loss, feeds, options }: { loss: tf.Tensor; feeds: FeedTensors; options: UpdateOptions },
): Tensors {
  const { lossScale, rule, maxGradNorm } = options;
  const skipNonFinite = options.skipNonFinite || lossScale !== null;
  const squares = rule.clipsPerParameter
    ? new Map([...gradients].map(([name, gradient]) => [name, sumOfSquares(gradient)]))
    : null;
  const gradientNorm = squares === null ? totalNorm([...gradients.values()]) : normOf([...squares.values()]);
  const finiteCheck = tf.add(gradientNorm, loss);
  const isFinite = skipNonFinite ? tf.isFinite(finiteCheck) : null;
  const limitsOf = (norm: tf.Scalar): Limits => ({
    clipping: {
      norm: skipNonFinite ? tf.add(norm, tf.mul(finiteCheck, 0)) : norm,
      maxNorm: maxGradNorm,
      skipNonFinite,
    },
    factor: maxGradNorm === null ? null : clipFactor(norm, maxGradNorm),
  });
  const shared = limitsOf(gradientNorm);
  const trained = [...gradients].flatMap(([name, gradient]) => {
    const entry = parameters.get(name);
    return entry === undefined ? [] : [{ name, entry, gradient, slots: slotsOf(entry), group: entry }];
  });
  const context: UpdateContext = { feeds, options, isFinite };
  tf.tidy(() => {
    const together = rule.updateTogether(trained, scalarsOf(feeds), shared.clipping);
    for (const [i, { name, entry, gradient }] of trained.entries()) {
      const [updated, square] = [together?.[i], squares?.get(name)];
      const limits = (): Limits => (square === undefined ? shared : limitsOf(normOf([square])));
      tf.tidy(() =>
        updated === undefined
          ? updateParameter(entry, gradient, limits(), context)
          : store(entry, updated, true, context),
      );
    }
  });
  if (lossScale === null || isFinite === null) return { gradientNorm };
  return { gradientNorm, lossScale: adjustLossScale(lossScale, isFinite) };
}

/** What the updates of all parameters share. `isFinite` is null where non-finite updates are applied too. */
interface UpdateContext {
  feeds: FeedTensors;
  options: UpdateOptions;
  isFinite: tf.Tensor | null;
}

const slotsOf = ({ parameter, first, second }: TrainedParameter): Slots => ({ parameter, first, second });
const scalarsOf = ({ rate, firstCorrection, secondCorrection }: FeedTensors): UpdateScalars<tf.Scalar> => ({
  ...{ rate, firstCorrection, secondCorrection },
});

/** Updates one parameter, in one kernel where the backend has it. */
function updateParameter(
  entry: TrainedParameter,
  gradient: tf.Tensor,
  { clipping, factor }: Limits,
  context: UpdateContext,
): void {
  const { rule } = context.options;
  const [slots, scalars] = [slotsOf(entry), scalarsOf(context.feeds)];
  const whole = rule.updateAtOnce(slots, gradient, scalars, entry, clipping);
  const composed = (): Slots => {
    const clipped = factor === null ? gradient : tf.mul(gradient, factor);
    return rule.update(slots, clipped, scalars, entry);
  };
  store(entry, whole ?? composed(), whole !== null, context);
}

/** Assigns the new values. @param isChecked whether a kernel has left those of a non-finite update as they were */
function store(
  entry: TrainedParameter,
  updated: Slots,
  isChecked: boolean,
  { options, isFinite }: UpdateContext,
): void {
  const gate = isChecked ? null : isFinite;
  for (const slot of ['first', 'second', 'parameter'] as const)
    entry[slot].assign(gate === null ? updated[slot] : tf.where(gate, updated[slot], entry[slot]));
  if (entry.average === null) return;
  const change = tf.mul(tf.sub(updated.parameter, entry.average), 1 - (options.emaDecay ?? 0));
  const average = tf.add(entry.average, change);
  entry.average.assign(isFinite === null ? average : tf.where(isFinite, average, entry.average));
}
