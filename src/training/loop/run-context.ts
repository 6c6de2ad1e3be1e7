// The parts of a run, shared by its loop, evaluations and checkpoints.
import { type ResolvedTrainingArguments } from '../arguments.js';
import { type RunLog } from '../log/run-log.js';
import { type StepProfiler } from '../log/step-profiler.js';
import { type CheckpointStore } from '../run-folder/checkpoints.js';
import { type TrainerState } from '../run-folder/trainer-state.js';
import { type TrainingStep } from '../step/contract.js';
import { type FittedBuckets } from '../../evaluation/buckets.js';
import { type StopSignals } from '../../platform/stop-signals.js';
import { type RunParts } from './trainer-options.js';

/** The plan of a run, known before anything is opened. */
export interface RunPlan<E> extends Readonly<RunParts<E>> {
  readonly arguments: ResolvedTrainingArguments;
  /** Updates in one epoch, and in the whole run. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly store: CheckpointStore<TrainerState>;
  /** Lengths that training batches are padded to; reads a sample of the examples on the first call. */
  readonly fittedBuckets: () => Promise<FittedBuckets>;
}

/** A run in progress. */
export interface RunContext<E> extends RunPlan<E> {
  readonly trainingStep: TrainingStep;
  /** Mutable; part of every checkpoint. */
  readonly state: TrainerState;
  readonly log: RunLog;
  readonly signals: StopSignals;
  readonly profiler: StepProfiler | null;
}

/** Whether an action with interval `every` is due after a step. */
export function isDue(every: 'epoch' | 'never' | number, step: number, stepsPerEpoch: number): boolean {
  return every !== 'never' && step % (every === 'epoch' ? stepsPerEpoch : every) === 0;
}

/** Whether a run evaluates after a step. */
export function isEvaluationDue(
  plan: Pick<RunPlan<unknown>, 'arguments' | 'totalSteps' | 'stepsPerEpoch'> & { validation: unknown },
  step: number,
): boolean {
  const { evaluateEvery } = plan.arguments;
  if (plan.validation === null || evaluateEvery === 'never') return false;
  return step >= plan.totalSteps || isDue(evaluateEvery, step, plan.stepsPerEpoch);
}
