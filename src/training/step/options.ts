// Options of a training step: their defaults and checks, shared by the eager and the compiled step.
import { type Precision, PRECISIONS } from '../../engine/recording/precision.js';
import { ConfigError } from '../../errors.js';
import { OPTIMIZERS, type OptimizerName } from './optimizer.js';
import { SCHEDULES, type ScheduleName } from './schedule.js';

export interface TrainingStepOptions {
  /** `adamw`: torch's; `bertadam`: the authors'. Default `adamw`. */
  optimizer?: OptimizerName;
  /** Peak rate. Default 5e-5. */
  learningRate?: number;
  /** Decay of every parameter that is neither a bias nor a layer norm's scale. Default 0. */
  weightDecay?: number;
  /** Default 0.9. */
  beta1?: number;
  /** Default 0.999. */
  beta2?: number;
  /** Default 1e-8 for `adamw`, 1e-6 for `bertadam`: those of the originals. */
  epsilon?: number;
  /** Default `linear` when `totalSteps` is given, else `constant`. */
  schedule?: ScheduleName;
  /** Default 0. */
  warmupSteps?: number;
  totalSteps?: number;
  /** Bound of the gradient norm (over all parameters; `bertadam`: of each). Default Infinity (none), for `bertadam` 1. */
  maxGradNorm?: number;
  /** Factor of the rate per layer, from the head down to the embeddings. Default 1. */
  layerDecay?: number;
  /** Name patterns (`*` any part) of parameters that stay as they are. Default none. */
  freeze?: readonly string[];
  /** Keeps a moving average of the parameters with this decay; `evaluate` then uses the average. Default none. */
  emaDecay?: number;
  /** An update whose loss or gradient norm is not finite changes nothing. Costs a pass over the parameters. Default false. */
  skipNonFinite?: boolean;
  /** `fp32`, or matrix products in `bf16`, or in `fp16` with a scaled loss (both: compiled step only). Default `fp32`. */
  precision?: Precision;
  /** Keep each encoder layer's input alone and compute the layer again for its gradient: less memory, one more forward pass. Default false. */
  gradientCheckpointing?: boolean;
  /** Share of each label that goes to all classes alike, for heads that choose one of several. Default 0. */
  labelSmoothing?: number;
  /** Seed of dropout. Default 0. */
  seed?: number;
  /** Record the step as a graph of the native engine. Default true; false runs it eagerly, on any backend. */
  compile?: boolean;
}

/** Options with every default filled in. */
export interface ResolvedStepOptions extends Required<Omit<TrainingStepOptions, 'totalSteps' | 'emaDecay'>> {
  totalSteps: number | undefined;
  emaDecay: number | undefined;
}

/** Fills in the defaults. @throws ConfigError for an unknown option or name, or a number out of its range. */
export function resolveStepOptions(options: TrainingStepOptions): ResolvedStepOptions {
  const optimizer = options.optimizer ?? 'adamw';
  const resolved: ResolvedStepOptions = {
    optimizer,
    learningRate: options.learningRate ?? 5e-5,
    weightDecay: options.weightDecay ?? 0,
    beta1: options.beta1 ?? 0.9,
    beta2: options.beta2 ?? 0.999,
    epsilon: options.epsilon ?? (optimizer === 'adamw' ? 1e-8 : 1e-6),
    schedule: options.schedule ?? (options.totalSteps === undefined ? 'constant' : 'linear'),
    warmupSteps: options.warmupSteps ?? 0,
    totalSteps: options.totalSteps,
    maxGradNorm: options.maxGradNorm ?? (optimizer === 'adamw' ? Infinity : 1),
    layerDecay: options.layerDecay ?? 1,
    freeze: options.freeze ?? [],
    emaDecay: options.emaDecay,
    skipNonFinite: options.skipNonFinite ?? false,
    precision: options.precision ?? 'fp32',
    gradientCheckpointing: options.gradientCheckpointing ?? false,
    labelSmoothing: options.labelSmoothing ?? 0,
    seed: options.seed ?? 0,
    compile: options.compile ?? true,
  };
  const unknown = Object.keys(options).filter((name) => !Object.hasOwn(resolved, name));
  if (unknown.length > 0) {
    throw new ConfigError(
      `createTrainingStep: unknown option ${unknown.join(', ')}; known: ${Object.keys(resolved).join(', ')}`,
    );
  }
  requireOneOf('optimizer', resolved.optimizer, OPTIMIZERS);
  requireOneOf('schedule', resolved.schedule, SCHEDULES);
  requireOneOf('precision', resolved.precision, PRECISIONS);
  requireNumber('learningRate', resolved.learningRate, (x) => x >= 0 && x < Infinity, 'a number of at least 0');
  requireNumber('weightDecay', resolved.weightDecay, (x) => x >= 0 && x < Infinity, 'a number of at least 0');
  requireNumber('beta1', resolved.beta1, (x) => x >= 0 && x < 1, 'a number from 0 to below 1');
  requireNumber('beta2', resolved.beta2, (x) => x >= 0 && x < 1, 'a number from 0 to below 1');
  requireNumber('epsilon', resolved.epsilon, (x) => x >= 0 && x < Infinity, 'a number of at least 0');
  requireNumber('warmupSteps', resolved.warmupSteps, isCount, 'a whole number of at least 0');
  requireNumber('totalSteps', resolved.totalSteps ?? 0, isCount, 'a whole number of at least 0');
  requireNumber('maxGradNorm', resolved.maxGradNorm, (x) => x > 0, 'a number above 0, or Infinity for none');
  requireNumber('layerDecay', resolved.layerDecay, (x) => x > 0 && x <= 1, 'a number above 0, at most 1');
  requireNumber('labelSmoothing', resolved.labelSmoothing, (x) => x >= 0 && x < 1, 'a number from 0 to below 1');
  requireNumber('emaDecay', resolved.emaDecay ?? 0, (x) => x >= 0 && x < 1, 'a number from 0 to below 1');
  requireNumber('seed', resolved.seed, isInt32, 'a whole number that fits into 32 bits');
  return resolved;
}

const isCount = (x: number): boolean => Number.isSafeInteger(x) && x >= 0;
const isInt32 = (x: number): boolean => Number.isInteger(x) && x >= -(2 ** 31) && x < 2 ** 32;

function requireOneOf(name: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) {
    throw new ConfigError(
      `createTrainingStep: expected ${name} to be one of ${allowed.join(', ')}, received "${value}"`,
    );
  }
}

function requireNumber(name: string, value: number, isAllowed: (x: number) => boolean, expected: string): void {
  if (typeof value !== 'number' || !isAllowed(value)) {
    throw new ConfigError(`createTrainingStep: expected ${name} to be ${expected}, received ${value}`);
  }
}
