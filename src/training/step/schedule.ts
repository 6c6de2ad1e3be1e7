// Learning rate by step: warmup, then one of the common decays.
import { ConfigError } from '../../errors.js';

export const SCHEDULES = ['linear', 'cosine', 'constant'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface ScheduleOptions {
  /** `linear`: to 0 at `totalSteps`; `cosine`: half a cosine to 0; `constant`: stays at the peak. */
  schedule: ScheduleName;
  /** The peak rate, reached after the warmup. */
  learningRate: number;
  /** Steps over which the rate rises from 0. Step 0 then has rate 0. */
  warmupSteps: number;
  /** Steps of the whole run; needed by every schedule that decays. */
  totalSteps?: number | undefined;
}

/**
 * The learning rate of a step, counted from 0: `rate * step / warmup`, then the decay.
 * @throws ConfigError when a decaying schedule has no `totalSteps`, or the warmup is longer than the run.
 * @see transformers `optimization.py`, get_linear_schedule_with_warmup and its siblings
 */
export function createSchedule(options: ScheduleOptions): (step: number) => number {
  const { schedule, learningRate, warmupSteps, totalSteps } = options;
  if (schedule === 'constant') return (step) => learningRate * Math.min(1, warmupSteps > 0 ? step / warmupSteps : 1);
  if (totalSteps === undefined) {
    throw new ConfigError(
      `schedule "${schedule}" decays until totalSteps, which is not set; set it, or use "constant"`,
    );
  }
  if (warmupSteps > totalSteps) {
    throw new ConfigError(`warmupSteps ${warmupSteps} is more than totalSteps ${totalSteps}; shorten the warmup`);
  }
  const shape = schedule === 'linear' ? linear : cosine;
  const decaySteps = totalSteps - warmupSteps;
  return (step) => {
    if (step < warmupSteps) return (learningRate * step) / warmupSteps;
    return step < totalSteps ? learningRate * shape((step - warmupSteps) / decaySteps) : 0;
  };
}

const linear = (progress: number): number => 1 - progress;
const cosine = (progress: number): number => 0.5 * (1 + Math.cos(Math.PI * progress));
