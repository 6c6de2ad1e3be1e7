// The loop of a run: epochs of updates, with evaluations and checkpoints in between, until its end or a reason to stop.
import { TrainingError } from '../../errors.js';
import { type Pause, TimeLeft } from '../log/time-left.js';
import { type StepResult } from '../step/contract.js';
import { prefetch } from '../../prefetch.js';
import { type RawTensors } from '../../raw-tensor.js';
import { type Batch } from '../task.js';
import { allInputs, fillBatch, readBatch } from './batches.js';
import { epochBatches } from './data-order.js';
import { Evaluations } from './evaluations.js';
import { isDue, type RunContext } from './run-context.js';
import { countPadding } from './padding.js';
import { saveCheckpoint } from './saving.js';
import { type EndReason, type TrainResult } from './trainer-options.js';

/** Updates whose batches are made while a step runs. */
const UPDATES_AHEAD = 2;

/** One start of a run. */
export class Run<E> {
  private readonly evaluations: Evaluations<E>;
  /** Updates before this start. */
  private readonly startedAt: number;
  private readonly timeLeft: TimeLeft;
  /** Tokens and regions of the batches of this start: all of them, and those that are padding. */
  private readonly positions = { all: 0, padded: 0 };

  constructor(private readonly context: RunContext<E>) {
    this.evaluations = new Evaluations(context);
    this.startedAt = context.step.step;
    this.timeLeft = new TimeLeft({
      total: context.totalSteps,
      at: this.startedAt,
      pauseAfter: (step) => this.pauseAfter(step),
      recordings: () => context.step.recordings,
    });
  }

  /** Runs to the end, or until a signal, a callback, early stopping or `stopAfter` ends it. */
  async train(): Promise<TrainResult> {
    const { step, totalSteps, state, progress } = this.context;
    progress.start(totalSteps, this.startedAt);
    const reason = await this.epochs();
    progress.stop();
    return {
      step: step.step,
      totalSteps,
      reason,
      best: state.best,
      metrics: this.evaluations.last,
      recordings: step.recordings,
      padding: this.positions.all === 0 ? null : this.positions.padded / this.positions.all,
    };
  }

  private async epochs(): Promise<EndReason> {
    const { step, totalSteps, stepsPerEpoch, state } = this.context;
    // A run that was stopped between an update and its evaluation evaluates now.
    const isPending = this.startedAt > 0 && this.evaluations.isDue(this.startedAt);
    if (isPending && state.evaluatedStep !== this.startedAt) {
      const reason = await this.evaluateAndSave();
      this.timeLeft.pause(this.startedAt);
      if (reason !== null) return reason;
    } else if (this.evaluations.stopsEarly()) return 'early';
    for (let epoch = Math.floor(this.startedAt / stepsPerEpoch); step.step < totalSteps; epoch++) {
      const reason = await this.epoch(epoch);
      if (reason !== null) return reason;
    }
    return 'finished';
  }

  private async epoch(epoch: number): Promise<EndReason | null> {
    const { step, totalSteps, stepsPerEpoch, task, train, callbacks, arguments: given } = this.context;
    const { batchSize, accumulationSteps, seed, shuffle, groupByLength, stopAfter } = given;
    const batches = epochBatches(train, epoch, { batchSize, seed, shuffle, groupByLength });
    const updates = Array.from({ length: stepsPerEpoch }, (_, i) =>
      batches.slice(i * accumulationSteps, (i + 1) * accumulationSteps),
    ).slice(step.step - epoch * stepsPerEpoch);
    const { buckets } = await this.context.fittedBuckets();
    const options = { seed, epoch, training: true, buckets };
    const read = (indices: readonly number[][]): Promise<Batch[]> =>
      Promise.all(indices.map(async (batch) => (await readBatch(task, train, batch, options)).batch));
    for await (const microBatches of prefetch(updates, UPDATES_AHEAD, read)) {
      const started = performance.now();
      const next = step.step + 1;
      const inputs = microBatches.map((batch) => allInputs(step.compiled ? fillBatch(batch, batchSize) : batch));
      const result = await this.update(inputs, next >= totalSteps || next - this.startedAt === stopAfter);
      this.requireFinite(result);
      this.record(result, microBatches, (performance.now() - started) / 1000);
      const answers = await Promise.all(callbacks.map((callback) => callback.onStep?.(step.step, result)));
      const reason = await this.afterStep(answers.includes('stop'));
      if (reason !== null || step.step >= totalSteps) return reason;
    }
    return null;
  }

  /** One update; the profiler traces one of them. */
  private async update(batches: readonly RawTensors[], isLast: boolean): Promise<StepResult> {
    const { step, profiler } = this.context;
    if (profiler?.isDue(batches, isLast) !== true) return step.run(batches);
    const { result, trace } = await step.profile(batches);
    await profiler.write(step.step, trace);
    return result;
  }

  /** Evaluates and saves when due; reports when the run ends before its last step. */
  private async afterStep(isStopped: boolean): Promise<EndReason | null> {
    const { totalSteps, signals, arguments: given } = this.context;
    const { step } = this.context.step;
    const isEnough = step < totalSteps && step - this.startedAt === given.stopAfter;
    const signal = signals.received;
    const ends = signal ?? (isStopped ? 'callback' : isEnough ? 'stopAfter' : null);
    const pause = this.pauseAfter(step);
    if (ends === null && pause === null) return null;
    let reason: EndReason | null = null;
    if (pause === 'evaluation' && signal === null) reason = await this.evaluateAndSave();
    else await saveCheckpoint(this.context);
    this.timeLeft.pause(step);
    return reason ?? ends;
  }

  /** Logs, evaluates and saves after an update of a run that is not being stopped. */
  private pauseAfter(step: number): Pause | null {
    const { totalSteps, stepsPerEpoch, arguments: given } = this.context;
    if (this.evaluations.isDue(step)) return 'evaluation';
    return step >= totalSteps || isDue(given.saveEvery, step, stepsPerEpoch) ? 'save' : null;
  }

  private async evaluateAndSave(): Promise<EndReason | null> {
    const { callbacks, signals, step } = this.context;
    const metrics = await this.evaluations.evaluate();
    await saveCheckpoint(this.context); // without metrics after a signal: the evaluation is then pending
    if (metrics === null) return signals.received;
    const answers = await Promise.all(callbacks.map((callback) => callback.onEvaluate?.(step.step, metrics)));
    if (answers.includes('stop')) return 'callback';
    return this.evaluations.stopsEarly() ? 'early' : signals.received;
  }

  private requireFinite({ loss, gradientNorm, lossScale }: StepResult): void {
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
    const { state, progress, arguments: given } = this.context;
    const { step } = this.context.step;
    const isScaled = lossScale !== undefined && Number.isFinite(loss); // the loss scale was too large and has been halved
    if (isScaled && lossScale < 1) {
      throw new TrainingError(
        `step ${step}: gradients do not fit into float16 at any loss scale; train in bf16 or fp32`,
      );
    }
    if (given.skipNonFinite || isScaled) {
      state.skippedSteps += 1;
      const scale = isScaled ? `; loss scale now ${lossScale}` : '';
      progress.line(`step ${step}: skipped, loss ${loss}, gradient norm ${gradientNorm}${scale}`);
      return;
    }
    throw new TrainingError(
      `step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm}; lower the learning rate, look at the data, or pass skipNonFinite`,
    );
  }

  private record({ loss, gradientNorm, learningRate }: StepResult, batches: readonly Batch[], seconds: number): void {
    const { state, log, progress, totalSteps, stepsPerEpoch, arguments: given } = this.context;
    const { step, compiled } = this.context.step;
    const { interval } = state;
    if (Number.isFinite(loss + gradientNorm)) {
      interval.steps += 1;
      interval.loss += loss;
      interval.gradientNorm += gradientNorm;
    }
    for (const batch of batches) {
      const { all, padded } = countPadding(batch, compiled ? given.batchSize : batch.count);
      this.positions.all += all;
      this.positions.padded += padded;
    }
    log.timeStep(
      seconds,
      batches.reduce((sum, { count }) => sum + count, 0),
    );
    progress.update(step, { loss, learningRate, secondsLeft: this.timeLeft.update(step) });
    if (step % given.logEvery !== 0 && step < totalSteps) return;
    log.train(step, step / stepsPerEpoch, {
      loss: interval.loss / interval.steps,
      gradientNorm: interval.gradientNorm / interval.steps,
      learningRate,
    });
    state.interval = { loss: 0, gradientNorm: 0, steps: 0 };
  }
}
