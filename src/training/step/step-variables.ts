// The variables of a training step besides the model's parameters: moments, averages, sums of gradients, the loss scale.
import type * as tf from '@tensorflow/tfjs';
import { INITIAL_LOSS_SCALE, type LossScale } from './update/loss-scale.js';
import { type ResolvedStepOptions } from './options.js';
import { createParameterGroups } from './parameter-groups.js';
import { type TensorFunction, type Runner } from '../../inference/runner.js';
import { type TrainableModel } from './trainable-model.js';
import { type TrainedParameter } from './update/update.js';

/** Kinds of variables of each parameter, named as in torch.optim.Adam. */
const [FIRST, SECOND, AVERAGE] = ['exp_avg', 'exp_avg_sq', 'average'] as const;
/** Variables of a scaled loss. */
export const [LOSS_SCALE, GOOD_STEPS] = ['loss_scale', 'good_steps'] as const;

/** The variables of a step; the runner owns and frees them. */
export class StepVariables {
  readonly parameters: ReadonlyMap<string, TrainedParameter>;
  readonly lossScale: LossScale | null;
  private readonly sums = new Map<string, tf.Variable>();

  /** @throws ConfigError when a pattern of `freeze` matches nothing, or nothing is left to train */
  constructor(
    private readonly model: TrainableModel,
    private readonly runner: Runner,
    options: ResolvedStepOptions,
  ) {
    this.lossScale =
      options.precision === 'fp16'
        ? {
            scale: runner.addVariable(LOSS_SCALE, [], INITIAL_LOSS_SCALE),
            goodSteps: runner.addVariable(GOOD_STEPS, []),
          }
        : null;
    const variables = model.namedParameters();
    const trainable = [...variables].flatMap(([name, { trainable }]) => (trainable ? [name] : []));
    const groups = createParameterGroups(trainable, options);
    const add = (kind: string, name: string, { shape }: tf.Variable): tf.Variable =>
      runner.addVariable(`${kind}.${name}`, shape);
    this.parameters = new Map(
      [...groups].map(([name, factors]) => {
        const parameter = variables.get(name) as tf.Variable;
        const first = add(FIRST, name, parameter);
        const second = add(SECOND, name, parameter);
        const average = options.emaDecay === undefined ? null : add(AVERAGE, name, parameter);
        return [name, { ...factors, parameter, first, second, average }];
      }),
    );
  }

  /** Sums of gradients by parameter name; allocated at the first accumulated update. */
  accumulators(): ReadonlyMap<string, tf.Variable> {
    if (this.sums.size === 0) {
      for (const [name, { parameter }] of this.parameters)
        this.sums.set(name, this.runner.addVariable(`sum.${name}`, parameter.shape));
    }
    return this.sums;
  }

  /** All variables that persist between updates, by name; the sums do not. */
  all(): Map<string, tf.Variable> {
    const entries = [...this.parameters].flatMap(([name, { first, second, average }]) => [
      [`${FIRST}.${name}`, first] as const,
      [`${SECOND}.${name}`, second] as const,
      ...(average === null ? [] : [[`${AVERAGE}.${name}`, average] as const]),
    ]);
    const { lossScale } = this;
    const scales =
      lossScale === null ? [] : ([[LOSS_SCALE, lossScale.scale], [GOOD_STEPS, lossScale.goodSteps]] as const); // prettier-ignore
    return new Map([...this.model.namedParameters(), ...entries, ...scales]);
  }

  /** Shapes of the tensors of an optimizer state, by name. */
  savedShapes(): Map<string, readonly number[]> {
    const entries = [...this.parameters];
    const kinds = [FIRST, SECOND, ...(entries.some(([, { average }]) => average !== null) ? [AVERAGE] : [])];
    return new Map(
      kinds.flatMap((kind) => entries.map(([name, { parameter }]) => [`${kind}.${name}`, parameter.shape] as const)),
    );
  }

  /** Sets the averages to the current parameters. */
  readonly startAverages: TensorFunction = () => {
    for (const { parameter, average } of this.parameters.values()) average?.assign(parameter.clone());
    return {};
  };

  /** Exchanges every parameter with its average. */
  readonly exchangeAverages: TensorFunction = () => {
    for (const { parameter, average } of this.parameters.values()) {
      if (average === null) continue;
      const kept = parameter.clone();
      parameter.assign(average);
      average.assign(kept);
    }
    return {};
  };
}
