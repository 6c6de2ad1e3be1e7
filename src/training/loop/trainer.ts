// Trains a model on a task: epochs, evaluations, checkpoints, early stopping, and exact resuming. Independent of vision and language.
import { type ResolvedTrainingArguments, resolveTrainingArguments } from '../arguments.js';
import { requireKnown } from '../../options.js';
import { writeReport } from '../report/report.js';
import { lockRunFolder, makeRunFolder } from '../run-folder/run-folder.js';
import { openRun } from './open-run.js';
import { planRun } from './plan.js';
import { type RunPlan } from './run-context.js';
import { Run } from './run.js';
import { requireAgreement, trainAsWorker, withCluster } from './workers.js';
import { separateParts, type TrainerOptions, type TrainerParts, type TrainResult } from './trainer-options.js';

/**
 * One run, in one folder.
 * @example
 * const trainer = new Trainer({ model, task, train, validation, outputDir: 'runs/mine', learningRate: 1e-3, epochs: 2 });
 * const { reason, step } = await trainer.train();
 */
export class Trainer<E> {
  private readonly plan: RunPlan<E>;

  /** @throws ConfigError for arguments that are unknown or out of range, and for an empty data set */
  constructor(options: TrainerOptions<E>);
  /** @internal With arguments that are resolved: those of a run that is opened from its settings. */
  constructor(parts: TrainerParts<E>, resolved: ResolvedTrainingArguments);
  constructor(options: TrainerParts<E>, resolved?: ResolvedTrainingArguments) {
    const { parts, others } = separateParts(options);
    if (resolved !== undefined) requireKnown('Trainer', others, Object.keys(parts));
    this.plan = planRun(parts, resolved ?? resolveTrainingArguments(others));
  }

  get arguments(): ResolvedTrainingArguments {
    return this.plan.arguments;
  }

  /** Updates in one epoch. */
  get stepsPerEpoch(): number {
    return this.plan.stepsPerEpoch;
  }

  /** Updates in the whole run. */
  get totalSteps(): number {
    return this.plan.totalSteps;
  }

  /**
   * Expected share of padding among the tokens and regions of the training batches, from 0 to 1, with lengths fitted to the data;
   * null when the data set has no lengths. Reads a sample of the examples.
   */
  async expectedPadding(): Promise<number | null> {
    return (await this.plan.fittedBuckets()).padding;
  }

  /**
   * Runs to the end, or until a signal, a callback, `patience` or `stopAfter` ends it.
   * The model holds the last weights afterwards; the run folder holds the best.
   * @throws ConfigError when the folder holds another run or model; CheckpointError when a checkpoint cannot be written (older ones are intact);
   * TrainingError when the loss is not finite, the run to resume differs, another process uses its folder, or workers differ;
   * WorkerError when another worker of the cluster is lost
   */
  async train(): Promise<TrainResult> {
    const { cluster } = this.plan;
    if (cluster === null) return this.trainLocked();
    return withCluster(cluster, async () => {
      await requireAgreement(this.plan, cluster);
      return cluster.server.worker === 0 ? this.trainLocked() : trainAsWorker(this.plan, cluster);
    });
  }

  private async trainLocked(): Promise<TrainResult> {
    const { outputDir } = this.arguments;
    await makeRunFolder(outputDir);
    const unlock = await lockRunFolder(outputDir);
    try {
      return await this.trainIn(outputDir);
    } finally {
      await unlock();
    }
  }

  private async trainIn(outputDir: string): Promise<TrainResult> {
    const { store, progress, readPicture } = this.plan;
    const run = await openRun(this.plan);
    try {
      const result = await new Run(run).train();
      await writeReport(outputDir, readPicture);
      return result;
    } catch (error) {
      const newest = (await store.steps()).at(-1);
      if (newest !== undefined)
        progress.line(`the run can continue from ${store.dirOf(newest)} with resume: true (${outputDir})`);
      throw error;
    } finally {
      await run.close();
    }
  }
}
