// The arguments of a training run: its own and the options of its step. Flags, config files, types, help and docs are generated from them.
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { BATCH_SIZE, expected, number, parseOptions, roleOf, text, truth, wholeNumber } from '../options.js';
import { completeStepOptions, type ResolvedStepOptions, STEP_OPTIONS } from './step/options.js';
import { isNativeBackend } from '../inference/native-backend.js';

const count = wholeNumber(1);
const expectedInterval = expected('epoch, never or a whole number above 0');
const interval = z.union([z.literal('epoch'), z.literal('never'), count], {
  error: ({ input }) =>
    typeof input === 'string' && /^\d+$/.test(input)
      ? `${expectedInterval({ input })}; write ${input} without quotes`
      : expectedInterval({ input }),
});

/** Default warmup share of a run, from the authors' recipes. */
const DEFAULT_WARMUP_RATIO = 0.1;

/** An option of the step with another default for runs, which follow the authors' recipe. */
function inRun<T extends z.ZodType>(
  option: z.ZodDefault<T> | z.ZodOptional<T>,
  value: z.util.NoUndefined<z.output<T>>,
  description = option.description ?? '',
): z.ZodDefault<T> {
  return option.unwrap().default(value).describe(description);
}

/** Metadata of an argument besides its check and help text. */
interface ArgumentRole {
  /** Whether it may vary between the starts of a run: results do not depend on it. */
  variesByStart?: true;
  /** Whether it may vary between workers: folders, and what only worker 0 uses. */
  variesByWorker?: true;
  /** Whether it applies to one start of a run only. */
  isOfOneStart?: true;
}

const VARIES = { variesByStart: true, variesByWorker: true } satisfies ArgumentRole;

/** What a run trains on, and for how long. */
const dataArguments = {
  outputDir: text('a folder').meta(VARIES).describe('folder of the run: model, checkpoints, metrics, report'),
  epochs: number('a number above 0', (x) => x > 0)
    .default(3)
    .describe('number of epochs'),
  maxSteps: count.optional().describe('maximum number of updates; overrides epochs'),
  batchSize: BATCH_SIZE.default(32).describe('batch size'),
  evaluationBatchSize: BATCH_SIZE.optional().describe('batch size of evaluations; default batchSize'),
  accumulationSteps: count.default(1).describe('batches whose gradients are accumulated for one update'),
};

/** The options of the run's training step, but for `totalSteps` and `seed`, which come from the run. */
const stepArguments = {
  ...z.strictObject(STEP_OPTIONS).omit({ totalSteps: true, seed: true }).shape,
  schedule: inRun(STEP_OPTIONS.schedule, 'linear', 'decay of the learning rate after the warmup'),
  warmupSteps: STEP_OPTIONS.warmupSteps.describe('updates until the peak learning rate'),
  weightDecay: inRun(STEP_OPTIONS.weightDecay, 0.01),
  maxGradNorm: inRun(
    STEP_OPTIONS.maxGradNorm,
    1,
    'maximum gradient norm, over all parameters (bertadam: of each); 0 for no clipping',
  ),
  compile: STEP_OPTIONS.compile
    .unwrap()
    .optional()
    .describe('record the step as a graph; default: if the native engine is available'),
};

/** The random numbers of a run, the order of its examples, and when it evaluates, saves, logs and ends. */
const runArguments = {
  seed: inRun(STEP_OPTIONS.seed, 0, 'seed of data order, masking and dropout'),
  warmupRatio: number('a number from 0 to 1', (x) => x >= 0 && x <= 1)
    .optional()
    .describe(`warmup as a share of all updates, instead of warmupSteps; default ${DEFAULT_WARMUP_RATIO}`),
  shuffle: truth().default(true).describe('shuffle the examples in every epoch'),
  groupByLength: truth().default(false).describe('batch examples of similar length'),
  evaluateEvery: interval.default('epoch').describe('epoch, never, or a number of updates'),
  saveEvery: interval
    .default('epoch')
    .meta({ variesByStart: true } satisfies ArgumentRole)
    .describe('epoch, never, or a number of updates; evaluations also save'),
  keepCheckpoints: count.default(2).meta(VARIES).describe('number of newest checkpoints to keep, besides the best one'),
  patience: count
    .optional()
    .meta(VARIES)
    .describe('number of evaluations without improvement after which the run stops'),
  logEvery: count.default(10).meta(VARIES).describe('number of updates between two log lines'),
  histograms: truth().default(false).meta(VARIES).describe('write histograms of all parameters for TensorBoard'),
  stopAfter: count
    .optional()
    .meta({ variesByStart: true, isOfOneStart: true } satisfies ArgumentRole)
    .describe(
      'save and stop after this number of updates since this start, restarts by --workers included; --resume continues',
    ),
  resume: truth().default(false).meta(VARIES).describe('resume from the newest checkpoint in outputDir'),
};

/** Names, checks, defaults and descriptions of all arguments, in the order of help and docs. */
export const TRAINING_ARGUMENTS = { ...dataArguments, ...stepArguments, ...runArguments };

/** The metadata of an argument; empty for an unknown name. */
export function argumentRole(name: string): ArgumentRole {
  const known: Readonly<Record<string, z.ZodType>> = TRAINING_ARGUMENTS;
  return roleOf<ArgumentRole>(known[name]);
}

/** The arguments as they are given and stored: in one object. */
const flatSchema = z
  .strictObject(TRAINING_ARGUMENTS)
  .refine(
    ({ warmupSteps, warmupRatio }) => warmupSteps === undefined || warmupRatio === undefined,
    'expected warmupSteps or warmupRatio, received both; give one of them',
  );
type FlatArguments = z.output<typeof flatSchema>;
type StepArguments = Pick<FlatArguments, keyof typeof stepArguments>;

/** The arguments of a run, all optional but `outputDir`. */
export type TrainingArguments = z.input<typeof flatSchema>;
/** The arguments of a run with all defaults filled in; `step` holds the options of its training step. */
export type ResolvedTrainingArguments = Omit<FlatArguments, keyof StepArguments> & { step: StepArguments };

/**
 * Checks arguments and fills in the defaults.
 * @throws ConfigError naming every unknown key and every value out of its range
 * @example
 * const { epochs, step } = resolveTrainingArguments({ outputDir: 'runs/mine', learningRate: 1e-3 });
 * epochs; // 3
 * step.learningRate; // 0.001
 */
export function resolveTrainingArguments(options: unknown): ResolvedTrainingArguments {
  const given = Object.entries(parseOptions('TrainingArguments', flatSchema, options));
  const isOfStep = ([name]: [string, unknown]): boolean => name in stepArguments;
  const own = given.filter((argument) => !isOfStep(argument));
  return { ...Object.fromEntries(own), step: Object.fromEntries(given.filter(isOfStep)) } as ResolvedTrainingArguments;
}

/** Workers share each batch equally. @throws ConfigError when their number does not divide it */
export function requireWholeShares({ batchSize }: Pick<ResolvedTrainingArguments, 'batchSize'>, workers: number): void {
  if (batchSize % workers === 0) return;
  throw new ConfigError(
    `Trainer: batchSize: expected a multiple of the ${workers} workers, which share each batch, received ${batchSize}`,
  );
}

/** Resolved arguments in one object, as run.json and checkpoints store them; `resolveTrainingArguments` is the inverse. */
export function flatTrainingArguments({ step, ...own }: ResolvedTrainingArguments): TrainingArguments {
  return z.encode(flatSchema, { ...own, ...step });
}

/** The options of a run's training step. @param totalSteps updates in the whole run */
export function stepOptionsOf(given: ResolvedTrainingArguments, totalSteps: number): ResolvedStepOptions {
  const { step, seed, warmupRatio = DEFAULT_WARMUP_RATIO } = given;
  return completeStepOptions({
    ...step,
    seed,
    totalSteps,
    warmupSteps: step.warmupSteps ?? Math.ceil(warmupRatio * totalSteps),
    compile: step.compile ?? isNativeBackend(),
  });
}
