// Options of a training step: their names, checks, defaults and help texts, defined once. A run's arguments contain them.
import { z } from 'zod';
import { PRECISIONS } from '../../precision.js';
import { expected, number, oneOf, parseOptions, SEED, text, truth, wholeNumber } from '../../options.js';
import { OPTIMIZERS } from './optimizer.js';
import { SCHEDULES } from './schedule.js';

const natural = wholeNumber(0);
const atLeast0 = number('a number of at least 0', (x) => x >= 0);
const below1 = number('a number from 0 to below 1', (x) => x >= 0 && x < 1);
const upTo1 = number('a number above 0, at most 1', (x) => x > 0 && x <= 1);

/** A bound of the gradient norm, null for none. It may be given as 0 or Infinity too, and files store 0, which earlier versions read. */
const gradientBound = z.codec(
  z.union([atLeast0, z.literal(Infinity), z.null()], {
    error: expected('a number above 0, or 0 or Infinity for none'),
  }),
  z.number().nullable(),
  {
    decode: (bound) => (bound === 0 || bound === Infinity ? null : bound),
    encode: (bound) => bound ?? 0,
  },
);

/** Defaults that depend on the optimizer, as in PyTorch and in the authors' code. */
const OPTIMIZER_DEFAULTS: Readonly<
  Record<(typeof OPTIMIZERS)[number], { epsilon: number; maxGradNorm: number | null }>
> = {
  adamw: { epsilon: 1e-8, maxGradNorm: null },
  bertadam: { epsilon: 1e-6, maxGradNorm: 1 },
};
const { adamw, bertadam } = OPTIMIZER_DEFAULTS;

/** The options by name. A run's defaults, where they differ, are in `training/arguments.ts`. */
export const STEP_OPTIONS = {
  optimizer: oneOf(OPTIMIZERS).default('adamw').describe("adamw as in PyTorch, or the authors' bertadam"),
  learningRate: atLeast0.default(5e-5).describe('peak learning rate'),
  schedule: oneOf(SCHEDULES)
    .optional()
    .describe('decay of the learning rate after the warmup; default linear, or constant without totalSteps'),
  warmupSteps: natural.optional().describe('updates until the peak learning rate; default 0'),
  totalSteps: natural.optional().describe('updates after which the learning rate is 0'),
  weightDecay: atLeast0.default(0).describe('weight decay, except for biases and layer norms'),
  beta1: below1.default(0.9).describe('decay rate of the first moment'),
  beta2: below1.default(0.999).describe('decay rate of the second moment'),
  epsilon: atLeast0
    .optional()
    .describe(
      `added to the root of the second moment; default ${adamw.epsilon.toExponential()}, bertadam ${bertadam.epsilon.toExponential()}`,
    ),
  maxGradNorm: gradientBound
    .optional()
    .describe(
      `maximum gradient norm, over all parameters (bertadam: of each); 0 for no clipping; default ${adamw.maxGradNorm ?? 'none'}, bertadam ${bertadam.maxGradNorm}`,
    ),
  layerDecay: upTo1.default(1).describe('factor of the learning rate per layer, from the head down to the embeddings'),
  freeze: z
    .array(text('a name of parameters'), { error: expected('a list of names of parameters') })
    .readonly()
    .default([])
    .describe('names of parameters to freeze, with * as wildcard, such as visual_bert.embeddings.*'),
  emaDecay: number('a number above 0, below 1', (x) => x > 0 && x < 1)
    .optional()
    .describe('evaluate and save a moving average of the parameters with this decay'),
  labelSmoothing: below1
    .default(0)
    .describe(
      'share of each label that is distributed over all classes (nlvr, nlvr2, vcr, vqa, classification, answering)',
    ),
  gradientCheckpointing: truth()
    .default(false)
    .describe('recompute each encoder layer for its gradient: less memory, about a third more time'),
  skipNonFinite: truth()
    .default(false)
    .describe('skip non-finite updates instead of stopping; costs a pass over the parameters'),
  precision: oneOf(PRECISIONS)
    .default('fp32')
    .describe(
      'precision of matrix products; fp16 scales the loss, for GPUs without bf16; bf16 requires the compiled step, fp16 that or WebGPU',
    ),
  compile: truth().default(true).describe('record the step as a graph of the native engine; false runs it eagerly'),
  seed: SEED.default(0).describe('seed of dropout'),
};

const schema = z.strictObject(STEP_OPTIONS);

/** The options of `createTrainingStep`. */
export type TrainingStepOptions = z.input<typeof schema>;

/** Options with every default filled in; `maxGradNorm` is null for none. */
export interface ResolvedStepOptions extends Required<Omit<z.output<typeof schema>, 'totalSteps' | 'emaDecay'>> {
  totalSteps: number | undefined;
  emaDecay: number | undefined;
}

/** Fills in the defaults. @throws ConfigError for an unknown option or name, or a number out of its range. */
export function resolveStepOptions(options: TrainingStepOptions): ResolvedStepOptions {
  return completeStepOptions(parseOptions('createTrainingStep', schema, options));
}

/** Fills in the defaults that depend on other options. */
export function completeStepOptions(given: z.output<typeof schema>): ResolvedStepOptions {
  const defaults = OPTIMIZER_DEFAULTS[given.optimizer];
  return {
    ...given,
    schedule: given.schedule ?? (given.totalSteps === undefined ? 'constant' : 'linear'),
    warmupSteps: given.warmupSteps ?? 0,
    epsilon: given.epsilon ?? defaults.epsilon,
    maxGradNorm: given.maxGradNorm === undefined ? defaults.maxGradNorm : given.maxGradNorm,
    totalSteps: given.totalSteps,
    emaDecay: given.emaDecay,
  };
}
