// The trainer state in a checkpoint, and the comparison of settings when a run resumes.
import { TrainingError } from '../../errors.js';
import { differingNames } from '../../options.js';
import { argumentRole, type TrainingArguments } from '../arguments.js';

/** The best evaluation so far. */
export interface BestEvaluation {
  step: number;
  value: number;
  metrics: Record<string, number>;
}

/** Facts that may change the last bits of a result. */
export interface RunEnvironment {
  backend: string;
  compiled: boolean;
  precision: string;
  threads: number;
  xla: boolean;
  tensorflow: string;
  package: string;
}

/** The trainer's part of a checkpoint. All of it is JSON, from which numbers are restored exactly. */
export interface TrainerState {
  /** Fingerprints of the examples. */
  data: { train: string; validation: string | null };
  /** With all defaults filled in. */
  arguments: TrainingArguments;
  /** Further settings that must be equal, by name. */
  fixedSettings: Readonly<Record<string, unknown>>;
  environment: RunEnvironment;
  /** Start of the run, in ISO 8601; absent in checkpoints of older versions. */
  started?: string;
  best: BestEvaluation | null;
  /** Evaluations since the best one. */
  staleEvaluations: number;
  /** The step of the last evaluation, 0 before the first. */
  evaluatedStep: number;
  /** Sums over the updates since the last line of metrics. */
  interval: { loss: number; gradientNorm: number; steps: number };
  skippedSteps: number;
}

/** The finite metrics: JSON has no NaN. */
export function finiteOf(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

/**
 * Checks that a checkpoint belongs to this run.
 * @throws TrainingError naming each setting that differs, or the examples when they do
 */
export function requireSameRun(
  saved: TrainerState,
  now: Pick<TrainerState, 'data' | 'arguments' | 'fixedSettings'>,
): void {
  const different = [
    ...differences(saved.arguments, now.arguments),
    ...differences(saved.fixedSettings, now.fixedSettings),
  ];
  if (different.length > 0) {
    throw new TrainingError(
      `resume: the settings differ from the run's: ${different.join('; ')}; use the same, or start a new run`,
    );
  }
  if (saved.data.train !== now.data.train || saved.data.validation !== now.data.validation) {
    const which = saved.data.train !== now.data.train ? 'training' : 'validation';
    throw new TrainingError(
      `resume: the ${which} examples differ from the run's; give the same files, or start a new run`,
    );
  }
}

function differences(saved: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] {
  const fixed = differingNames(saved, now).filter((name) => argumentRole(name).variesByStart !== true);
  const text = (value: unknown): string => JSON.stringify(value) ?? 'not set';
  return fixed.map((name) => `\`${name}\` was ${text(saved[name])}, is ${text(now[name])}`);
}

/** Differences in the environment, one line each, with which the result is not bit-identical. */
export function environmentChanges(saved: RunEnvironment, now: RunEnvironment): string[] {
  return differingNames(saved, now).map((name) => `${name} was ${saved[name]}, is ${now[name]}`);
}
