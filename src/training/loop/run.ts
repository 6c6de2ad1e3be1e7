// The training loop: epochs of updates with evaluations and checkpoints, until the end or a reason to stop.
import { TrainingError } from '../../errors.js';
import { type Pause, TimeLeft } from '../log/time-left.js';
import { type StepResult } from '../step/contract.js';
import { Evaluations } from './evaluations.js';
import { isDue, isEvaluationDue, type RunContext } from './run-context.js';
import { countPadding } from '../../evaluation/padding.js';
import { saveCheckpoint } from './saving.js';
import { agreedEnd, agreedEvaluation } from './workers.js';
import { type EndReason, type TrainResult } from './trainer-options.js';
import { remainingUpdates, type Update } from './updates.js';

/** One start of a run. */
export class Run<E> {
  private readonly evaluations: Evaluations<E>;
  /** Updates before this start. */
  private readonly startedAt: number;
  private readonly timeLeft: TimeLeft;
  /** Tokens and regions of the batches since this start: all of them, and the padding. */
  private readonly positions = { all: 0, padded: 0 };
  /** Whether the other workers know that the run ends before its last step. */
  private isEndAgreed = false;

  constructor(private readonly context: RunContext<E>) {
    this.evaluations = new Evaluations(context);
    this.startedAt = context.trainingStep.step;
    this.timeLeft = new TimeLeft({
      total: context.totalSteps,
      at: this.startedAt,
      pauseAfter: (step) => this.pauseAfter(step),
      recordings: () => context.trainingStep.recordings,
    });
  }

  /** Runs to the end, or until a signal, a callback, early stopping or `stopAfter` ends it. */
  async train(): Promise<TrainResult> {
    const { trainingStep, totalSteps, state, progress, cluster } = this.context;
    progress.start(totalSteps, this.startedAt);
    const reason = await this.epochs();
    if (cluster !== null && !this.isEndAgreed && trainingStep.step < totalSteps)
      await agreedEnd(cluster, trainingStep.step, reason);
    progress.stop();
    return {
      step: trainingStep.step,
      totalSteps,
      reason,
      best: state.best,
      metrics: this.evaluations.last,
      recordings: trainingStep.recordings,
      padding: this.positions.all === 0 ? null : this.positions.padded / this.positions.all,
    };
  }

  private async epochs(): Promise<EndReason> {
    const { state } = this.context;
    // evaluate first if the run was stopped between an update and its evaluation
    const wasDue = this.startedAt > 0 && isEvaluationDue(this.context, this.startedAt);
    const isPending = wasDue && state.evaluatedStep !== this.startedAt;
    if (wasDue) await this.announceEvaluation(isPending);
    if (isPending) {
      const reason = await this.evaluateAndSave();
      this.timeLeft.pause(this.startedAt);
      if (reason !== null) return reason;
    } else if (this.evaluations.stopsEarly()) return 'early';
    return (await this.remainingUpdates()) ?? 'finished';
  }

  private async remainingUpdates(): Promise<EndReason | null> {
    const { trainingStep, totalSteps, callbacks, cluster, arguments: given } = this.context;
    for await (const update of remainingUpdates(this.context)) {
      const ofOthers = cluster === null ? null : await agreedEnd(cluster, trainingStep.step, null);
      if (ofOthers !== null) return this.endWithOthers(ofOthers);
      const started = performance.now();
      const next = trainingStep.step + 1;
      const result = await this.update(update, next >= totalSteps || next - this.startedAt === given.stopAfter);
      this.requireFinite(result);
      this.logUpdate(result, update, (performance.now() - started) / 1000);
      const answers = await Promise.all(callbacks.map((callback) => callback.onStep?.(trainingStep.step, result)));
      const reason = await this.afterStep(answers.includes('stop'));
      if (reason !== null) return reason;
    }
    return null;
  }

  /** Ends the run because another worker was asked to stop. */
  private async endWithOthers(reason: EndReason): Promise<EndReason> {
    this.isEndAgreed = true;
    await saveCheckpoint(this.context);
    return reason;
  }

  /** One update; the profiler traces one of them. */
  private async update({ inputs, shares }: Update, isLast: boolean): Promise<StepResult> {
    const { trainingStep, profiler } = this.context;
    if (profiler?.isDue(inputs, isLast) !== true) return trainingStep.run(inputs, shares);
    const { result, trace } = await trainingStep.profile(inputs, shares);
    await profiler.write(trainingStep.step, trace);
    return result;
  }

  /** Evaluates and saves when due; reports when the run ends before its last step. */
  private async afterStep(isStopped: boolean): Promise<EndReason | null> {
    const { totalSteps, signals, arguments: given } = this.context;
    const { step } = this.context.trainingStep;
    const isEnough = step < totalSteps && step - this.startedAt === given.stopAfter;
    const signal = signals.received;
    const ends = signal ?? (isStopped ? 'callback' : isEnough ? 'stopAfter' : null);
    const pause = this.pauseAfter(step);
    if (ends === null && pause === null) return null;
    let reason: EndReason | null = null;
    if (pause === 'evaluation') await this.announceEvaluation(signal === null);
    if (pause === 'evaluation' && signal === null) reason = await this.evaluateAndSave();
    else await saveCheckpoint(this.context);
    this.timeLeft.pause(step);
    return reason ?? ends;
  }

  /** Logs, evaluates and saves after an update of a run that is not being stopped. */
  private pauseAfter(step: number): Pause | null {
    const { totalSteps, stepsPerEpoch, arguments: given } = this.context;
    if (isEvaluationDue(this.context, step)) return 'evaluation';
    return step >= totalSteps || isDue(given.saveEvery, step, stepsPerEpoch) ? 'save' : null;
  }

  /** The other workers, which know when an evaluation is due, take part when it is made. */
  private async announceEvaluation(isMade: boolean): Promise<void> {
    const { cluster, trainingStep } = this.context;
    if (cluster !== null) await agreedEvaluation(cluster, trainingStep.step, isMade);
  }

  private async evaluateAndSave(): Promise<EndReason | null> {
    const { callbacks, signals, trainingStep } = this.context;
    const { metrics, stoppedBy } = await this.evaluations.evaluate();
    await saveCheckpoint(this.context); // without metrics after a signal: the evaluation is then pending
    this.isEndAgreed ||= stoppedBy !== null;
    if (metrics === null) return signals.received ?? stoppedBy;
    const answers = await Promise.all(callbacks.map((callback) => callback.onEvaluate?.(trainingStep.step, metrics)));
    if (answers.includes('stop')) return 'callback';
    return this.evaluations.stopsEarly() ? 'early' : signals.received;
  }

  private requireFinite({ loss, gradientNorm, lossScale }: StepResult): void {
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
    const { state, progress, arguments: given } = this.context;
    const { step } = this.context.trainingStep;
    const isScaled = lossScale !== undefined && Number.isFinite(loss); // the loss scale was too large and has been halved
    if (isScaled && lossScale < 1) {
      throw new TrainingError(`step ${step}: gradients overflow float16 at every loss scale; train in bf16 or fp32`);
    }
    if (given.step.skipNonFinite || isScaled) {
      state.skippedSteps += 1;
      const scale = isScaled ? `; loss scale now ${lossScale}` : '';
      progress.line(`step ${step}: skipped, loss ${loss}, gradient norm ${gradientNorm}${scale}`);
      return;
    }
    throw new TrainingError(
      `step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm}; lower the learning rate, check the data, or pass skipNonFinite`,
    );
  }

  private logUpdate({ loss, gradientNorm, learningRate }: StepResult, update: Update, seconds: number): void {
    const { state, log, progress, totalSteps, stepsPerEpoch, arguments: given } = this.context;
    const { step, compiled } = this.context.trainingStep;
    const { interval } = state;
    if (Number.isFinite(loss + gradientNorm)) {
      interval.steps += 1;
      interval.loss += loss;
      interval.gradientNorm += gradientNorm;
    }
    const { batches, exampleCount } = update;
    const size = given.batchSize / (this.context.cluster?.count ?? 1);
    for (const batch of batches) {
      const { all, padded } = countPadding(batch, compiled ? size : batch.count);
      this.positions.all += all;
      this.positions.padded += padded;
    }
    log.timeStep(seconds, exampleCount);
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
