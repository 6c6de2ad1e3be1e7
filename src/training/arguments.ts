// Everything a training run can be told, with its checks and its defaults: the one home of both.
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { PRECISIONS } from '../engine/recording/precision.js';
import { ConfigError } from '../errors.js';
import { OPTIMIZERS } from './step/optimizer.js';
import { SCHEDULES } from './step/schedule.js';
import { type TrainingStepOptions } from './step/options.js';

const count = z.int().positive();
const natural = z.int().nonnegative();
const interval = z.union([z.literal('epoch'), z.literal('never'), count], {
  error: ({ input }) => `expected epoch, never or a whole number above 0, received ${JSON.stringify(input)}`,
});

const schema = z.strictObject({
  outputDir: z.string().min(1).describe('folder of the run: model, checkpoints, metrics, report'),
  epochs: z.number().positive().default(3).describe('passes over the training examples'),
  maxSteps: count.optional().describe('stop after so many updates, whatever the epochs say'),
  batchSize: count.default(32).describe('examples in one batch'),
  evaluationBatchSize: count.optional().describe('examples in one batch of evaluation; default batchSize'),
  accumulationSteps: count.default(1).describe('batches whose gradients make one update'),
  optimizer: z.enum(OPTIMIZERS).default('adamw').describe("adamw as in PyTorch, or the authors' bertadam"),
  learningRate: z.number().nonnegative().default(5e-5).describe('peak learning rate'),
  schedule: z.enum(SCHEDULES).default('linear').describe('how the rate falls after the warmup'),
  warmupSteps: natural.optional().describe('updates until the peak rate'),
  warmupRatio: z.number().min(0).max(1).optional().describe('warmup as a share of all updates; default 0.1'),
  weightDecay: z.number().nonnegative().default(0.01).describe('decay of all but biases and layer norms'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('share of the first moment that stays'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('share of the second moment that stays'),
  epsilon: z
    .number()
    .nonnegative()
    .optional()
    .describe('added to the root of the second moment; default 1e-8, bertadam 1e-6'),
  maxGradNorm: z
    .union([z.number().nonnegative(), z.literal(Infinity)])
    .transform((bound) => (bound === Infinity ? 0 : bound)) // JSON, where runs keep their arguments, knows no Infinity
    .default(1)
    .describe('bound of the gradient norm; 0 for none'),
  layerDecay: z.number().positive().max(1).default(1).describe('factor of the rate per layer, from the head down'),
  freeze: z
    .array(z.string().min(1))
    .default([])
    .describe('parameters that are not trained, such as visual_bert.embeddings.*'),
  emaDecay: z.number().positive().lt(1).optional().describe('evaluate and save a moving average with this decay'),
  labelSmoothing: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('share of each label that goes to all classes alike (nlvr, nlvr2, vcr, vqa, classification, answering)'),
  gradientCheckpointing: z
    .boolean()
    .default(false)
    .describe('keep less for the gradient and compute each encoder layer again: less memory, about a third more time'),
  skipNonFinite: z.boolean().default(false).describe('pass over updates that are not finite instead of stopping'),
  precision: z
    .enum(PRECISIONS)
    .default('fp32')
    .describe('of matrix products; fp16 scales the loss, for GPUs without bf16'),
  compile: z.boolean().optional().describe('record the step as a graph; default: when the native engine is there'),
  seed: natural
    .max(2 ** 31 - 1)
    .default(0)
    .describe('of order, masks and dropout'),
  shuffle: z.boolean().default(true).describe('another order of the examples in every epoch'),
  groupByLength: z.boolean().default(false).describe('batches of examples of like length'),
  evaluateEvery: interval.default('epoch').describe('epoch, never, or a number of updates'),
  saveEvery: interval.default('epoch').describe('epoch, never, or a number of updates; evaluations save too'),
  keepCheckpoints: count.default(2).describe('newest checkpoints that are kept, beside the best'),
  patience: count.optional().describe('stop after so many evaluations without a better one'),
  logEvery: count.default(10).describe('updates between two lines of metrics'),
  histograms: z.boolean().default(false).describe('write the distributions of all parameters for TensorBoard'),
  stopAfter: count.optional().describe('save and stop after so many updates of this start; --resume goes on'),
  resume: z.boolean().default(false).describe('go on from the newest checkpoint of outputDir'),
});

/** What a run may be given. */
export type TrainingArguments = z.input<typeof schema>;
/** The same with every default filled in. */
export type ResolvedTrainingArguments = z.output<typeof schema>;

/** Names, defaults and explanations of all arguments: what the command line makes its flags from. */
export const TRAINING_ARGUMENTS = schema.shape;

/**
 * Checks arguments and fills in the defaults.
 * @throws ConfigError naming every unknown key and every value out of its range
 */
export function resolveTrainingArguments(options: unknown): ResolvedTrainingArguments {
  const parsed = schema.safeParse(options);
  if (!parsed.success) throw new ConfigError(`TrainingArguments: ${parsed.error.issues.map(issueText).join('; ')}`);
  if (parsed.data.warmupSteps !== undefined && parsed.data.warmupRatio !== undefined) {
    throw new ConfigError('TrainingArguments: warmupSteps and warmupRatio say the same thing; give one of them');
  }
  return parsed.data;
}

/** Share of the run that is warmup when nothing else is said: that of the authors' recipes. */
const DEFAULT_WARMUP_RATIO = 0.1;

/** The options of the training step that belong to a run's arguments. */
export function stepOptionsOf(given: ResolvedTrainingArguments, totalSteps: number): TrainingStepOptions {
  return {
    optimizer: given.optimizer,
    learningRate: given.learningRate,
    weightDecay: given.weightDecay,
    beta1: given.beta1,
    beta2: given.beta2,
    ...(given.epsilon === undefined ? {} : { epsilon: given.epsilon }),
    schedule: given.schedule,
    warmupSteps: given.warmupSteps ?? Math.ceil((given.warmupRatio ?? DEFAULT_WARMUP_RATIO) * totalSteps),
    totalSteps,
    maxGradNorm: given.maxGradNorm === 0 ? Infinity : given.maxGradNorm,
    layerDecay: given.layerDecay,
    freeze: given.freeze,
    ...(given.emaDecay === undefined ? {} : { emaDecay: given.emaDecay }),
    labelSmoothing: given.labelSmoothing,
    gradientCheckpointing: given.gradientCheckpointing,
    skipNonFinite: given.skipNonFinite,
    precision: given.precision,
    seed: given.seed,
    compile: given.compile ?? hasNativeBackend(),
  };
}

function hasNativeBackend(): boolean {
  tf.backend(); // starts the backend that is about to be asked for
  return tf.getBackend() === 'tensorflow';
}

function issueText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `unknown ${issue.keys.map((key) => `"${key}"`).join(', ')}; known: ${Object.keys(schema.shape).join(', ')}`;
  }
  return `${issue.path.join('.')}: ${issue.message}`;
}
