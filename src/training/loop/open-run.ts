// Opens all parts of a run in order, for a new run or one that resumes from a checkpoint.
import { join } from 'node:path';
import { writeTextAtomic } from '#platform';
import { ConfigError } from '../../errors.js';
import { jsonText } from '../../platform/json-file.js';
import { listenForStop } from '../../platform/stop-signals.js';
import { flatTrainingArguments, stepOptionsOf } from '../arguments.js';
import { RunLog } from '../log/run-log.js';
import { StepProfiler } from '../log/step-profiler.js';
import { type Checkpoint } from '../run-folder/checkpoints.js';
import { runEnvironment } from '../run-folder/environment.js';
import { loadParameters } from '../run-folder/load-parameters.js';
import { requireFreeFolder, RUN_FILE } from '../run-folder/run-folder.js';
import { environmentChanges, requireSameRun, type TrainerState } from '../run-folder/trainer-state.js';
import { openTrainingStep } from '../step/compiled-step.js';
import { type TrainingStep } from '../step/contract.js';
import { type RunContext, type RunPlan } from './run-context.js';
import { publishBest } from './saving.js';
import { synchronise } from './workers.js';

/** A run that is ready to start. Closing it returns the parameters to the model. */
export interface OpenRun<E> extends RunContext<E> {
  close(): Promise<void>;
}

/**
 * @throws ConfigError when the folder holds another run or model, or a profile is requested for an eager step; CheckpointError when no checkpoint
 * is valid; TrainingError when the run to resume differs
 */
export async function openRun<E>(plan: RunPlan<E>): Promise<OpenRun<E>> {
  const { store, progress, model, totalSteps, arguments: given } = plan;
  const { outputDir, resume } = given;
  await store.clean();
  await requireFreeFolder(outputDir, resume, store);
  const checkpoint = resume ? await store.newest((line) => progress.line(line)) : null;
  const profiler = plan.profile === null ? null : new StepProfiler(plan.profile, (line) => progress.line(line));
  if (checkpoint !== null) await loadParameters(model, checkpoint.dir);
  const trainingStep = await openTrainingStep(model, stepOptionsOf(given, totalSteps), plan.cluster);
  const signals = listenForStop((signal) => progress.line(`${signal}: saving, then stopping`));
  const close = async (): Promise<void> => {
    progress.stop();
    signals.release();
    await trainingStep.dispose();
  };
  try {
    if (profiler !== null && !trainingStep.compiled)
      throw new ConfigError('Trainer: profile needs the compiled step; leave profile out, or pass compile: true');
    const state = await openState(plan, trainingStep, checkpoint);
    if (plan.cluster !== null) await synchronise(trainingStep, plan.cluster);
    const log = await openFolder(plan, state, checkpoint?.step ?? 0);
    return { ...plan, trainingStep, state, log, signals, profiler, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The trainer state of a new run, or that of a checkpoint, whose step state is also restored. */
async function openState<E>(
  { train, validation, fixedSettings, arguments: given, progress, totalSteps }: RunPlan<E>,
  trainingStep: TrainingStep,
  checkpoint: Checkpoint<TrainerState> | null,
): Promise<TrainerState> {
  const fresh: TrainerState = {
    data: { train: train.fingerprint, validation: validation?.fingerprint ?? null },
    arguments: flatTrainingArguments(given),
    fixedSettings,
    environment: runEnvironment(trainingStep.compiled, given.step.precision),
    started: new Date().toISOString(),
    best: null,
    staleEvaluations: 0,
    evaluatedStep: 0,
    interval: { loss: 0, gradientNorm: 0, steps: 0 },
    skippedSteps: 0,
  };
  if (checkpoint === null) return fresh;
  requireSameRun(checkpoint.state, fresh);
  const changes = environmentChanges(checkpoint.state.environment, fresh.environment);
  if (changes.length > 0)
    progress.line(`resume: the result will not be bit-identical to an uninterrupted run: ${changes.join('; ')}`);
  await trainingStep.loadState(checkpoint.dir);
  progress.line(`resume: continuing after step ${checkpoint.step} of ${totalSteps}`);
  return { ...checkpoint.state, arguments: fresh.arguments, environment: fresh.environment };
}

/** Writes the initial files of the folder, and opens its log. @param startedAt updates before this start */
async function openFolder<E>(plan: RunPlan<E>, state: TrainerState, startedAt: number): Promise<RunLog> {
  const { task, settings } = plan;
  const { outputDir } = plan.arguments;
  const { name, primaryMetric, greaterIsBetter } = task;
  const { started, environment, arguments: given } = state;
  const run = { task: name, primaryMetric, greaterIsBetter, started, arguments: given, ...settings, environment };
  await writeTextAtomic(join(outputDir, RUN_FILE), jsonText(run));
  await plan.saveAssets(outputDir);
  const log = await RunLog.open(outputDir, { step: startedAt, evaluatedStep: state.evaluatedStep, run });
  if (state.best !== null) await publishBest(plan, state.best, startedAt);
  return log;
}
