// Trains a model on a task: epochs, evaluations, checkpoints, early stopping, and exact resuming. Knows nothing of vision or language.
import { join } from 'node:path';
import { ConfigError, TrainingError } from '../../errors.js';
import { writeTextAtomic } from '#platform';
import { countPadding, padBatch, prefetch, readBatch } from './batches.js';
import { type Checkpoint, CheckpointStore } from '../run-folder/checkpoints.js';
import { createTrainingStep } from '../step/compiled-step.js';
import { epochBatches } from './data-order.js';
import { runEnvironment } from '../run-folder/environment.js';
import { evaluateTask } from './evaluate.js';
import { NoteCollector, notesTable, type NotesSummary } from '../report/example-notes.js';
import { loadParameters } from '../run-folder/load-parameters.js';
import { createProgress, duration, type Progress } from '../log/progress.js';
import { EXAMPLES_FILE, writeReport } from '../report/report.js';
import { AVERAGE, lockRunFolder, makeRunFolder, publishModel, requireRoom } from '../run-folder/run-folder.js';
import { RunLog } from '../log/run-log.js';
import { listenForStop, type StopSignals } from './signals.js';
import { StepProfiler } from '../log/step-profiler.js';
import { type RawTensors } from '../step/inputs.js';
import { type Batch, type Dataset } from '../task.js';
import { type EndReason, type TrainerOptions, type TrainResult } from './trainer-options.js';
import { environmentChanges, finiteOf, requireSameRun, type TrainerState } from '../run-folder/trainer-state.js';
import { type ResolvedTrainingArguments, resolveTrainingArguments, stepOptionsOf } from '../arguments.js';
import { type StepResult, type TrainingStep } from '../step/contract.js';

/** Updates whose batches are made while a step runs. */
const UPDATES_AHEAD = 2;

/** One run, in one folder. */
export class Trainer<E> {
  readonly arguments: ResolvedTrainingArguments;
  /** Updates in one epoch, and in the whole run. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  private readonly store: CheckpointStore<TrainerState>;
  private readonly progress: Progress;
  private step!: TrainingStep;
  private state!: TrainerState;
  private log!: RunLog;
  private signals!: StopSignals;
  private profiler: StepProfiler | null = null;
  private lastMetrics: Record<string, number> | null = null;
  private readonly places = { all: 0, padded: 0 };

  /** @throws ConfigError for arguments that are unknown or out of range, and for an empty data set */
  constructor(private readonly options: TrainerOptions<E>) {
    const { train, validation, progress } = options;
    const given = Object.entries(options).filter(([key]) => !NOT_ARGUMENTS.has(key));
    this.arguments = resolveTrainingArguments(Object.fromEntries(given));
    const { batchSize, accumulationSteps, epochs, maxSteps, outputDir } = this.arguments;
    if (train.length === 0) throw new ConfigError('Trainer: there are no training examples');
    if (validation?.length === 0)
      throw new ConfigError('Trainer: there are no validation examples; leave validation out');
    this.stepsPerEpoch = Math.ceil(Math.ceil(train.length / batchSize) / accumulationSteps);
    this.totalSteps = maxSteps ?? Math.max(1, Math.ceil(this.stepsPerEpoch * epochs));
    this.store = new CheckpointStore(outputDir);
    this.progress = progress ?? createProgress();
  }

  /**
   * Runs to the end, or until a signal, a callback, `patience` or `stopAfter` ends it.
   * The model holds the last weights afterwards; the run folder holds the best.
   * @throws ConfigError when the folder holds another run or model; CheckpointError when a checkpoint cannot be written, the older ones are intact;
   * TrainingError when the loss is not finite, the run to resume is another one, or another process works in its folder
   */
  async train(): Promise<TrainResult> {
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
    const resumed = await this.findCheckpoint();
    if (resumed !== null) await loadParameters(this.options.model, resumed.dir);
    this.step = await createTrainingStep(this.options.model, stepOptionsOf(this.arguments, this.totalSteps));
    this.signals = listenForStop((signal) => this.progress.line(`${signal}: saving, then stopping`));
    try {
      this.profiler = this.createProfiler();
      await this.start(resumed);
      const reason = await this.run();
      this.progress.stop();
      await writeReport(outputDir, this.options.readPicture);
      return {
        step: this.step.step,
        totalSteps: this.totalSteps,
        reason,
        best: this.state.best,
        metrics: this.lastMetrics,
        recordings: this.step.recordings,
        padding: this.places.all === 0 ? null : this.places.padded / this.places.all,
      };
    } catch (error) {
      const newest = (await this.store.steps()).at(-1);
      if (newest !== undefined)
        this.progress.line(`the run can go on from ${this.store.dirOf(newest)} with resume (${outputDir})`);
      throw error;
    } finally {
      this.progress.stop();
      this.signals.release();
      await this.step.dispose();
    }
  }

  private async findCheckpoint(): Promise<Checkpoint<TrainerState> | null> {
    const { outputDir, resume } = this.arguments;
    await this.store.clean();
    await requireRoom(outputDir, resume, this.store);
    return resume ? this.store.newest((line) => this.progress.line(line)) : null;
  }

  /** Takes up where the checkpoint ends, or begins. */
  private async start(resumed: Checkpoint<TrainerState> | null): Promise<void> {
    const { train, validation, task, settings, fixedSettings = {}, saveAssets } = this.options;
    const { outputDir, precision } = this.arguments;
    const fresh: TrainerState = {
      data: { train: train.fingerprint, validation: validation?.fingerprint ?? null },
      arguments: this.arguments,
      fixedSettings,
      environment: runEnvironment(this.step.compiled, precision),
      best: null,
      staleEvaluations: 0,
      evaluatedStep: 0,
      interval: { loss: 0, gradientNorm: 0, steps: 0, examples: 0 },
      skippedSteps: 0,
    };
    if (resumed !== null) {
      requireSameRun(resumed.state, fresh);
      const changes = environmentChanges(resumed.state.environment, fresh.environment);
      if (changes.length > 0)
        this.progress.line(`resume: not bit for bit the same as without the stop: ${changes.join('; ')}`);
      await this.step.loadState(resumed.dir);
      this.progress.line(`resume: going on after step ${resumed.step} of ${this.totalSteps}`);
    }
    this.state =
      resumed === null ? fresh : { ...resumed.state, arguments: this.arguments, environment: fresh.environment };
    const run = { task: task.name, arguments: this.arguments, ...settings, environment: fresh.environment };
    await writeTextAtomic(join(outputDir, 'run.json'), `${JSON.stringify(run, null, 2)}\n`);
    await saveAssets?.(outputDir);
    const { best, evaluatedStep } = this.state;
    this.log = await RunLog.open(outputDir, { step: resumed?.step ?? 0, evaluatedStep, run });
    if (best !== null) await this.publishAgain(best.step, resumed?.step);
  }

  private async run(): Promise<EndReason> {
    const startedAt = this.step.step;
    this.progress.start(this.totalSteps, startedAt);
    // A run that was stopped between an update and its evaluation makes up for it.
    const owed = startedAt > 0 && this.isEvaluationDue(startedAt) && this.state.evaluatedStep !== startedAt;
    if (owed) {
      const reason = await this.evaluateAndSave();
      if (reason !== null) return reason;
    } else if (this.isTired()) return 'early';
    for (let epoch = Math.floor(startedAt / this.stepsPerEpoch); this.step.step < this.totalSteps; epoch++) {
      const reason = await this.runEpoch(epoch, startedAt);
      if (reason !== null) return reason;
    }
    return 'finished';
  }

  private async runEpoch(epoch: number, startedAt: number): Promise<EndReason | null> {
    const { batchSize, accumulationSteps, seed, shuffle, groupByLength, stopAfter } = this.arguments;
    const { task, train, callbacks = [] } = this.options;
    const batches = epochBatches(train, epoch, { batchSize, seed, shuffle, groupByLength });
    const updates = Array.from({ length: this.stepsPerEpoch }, (_, i) =>
      batches.slice(i * accumulationSteps, (i + 1) * accumulationSteps),
    ).slice(this.step.step - epoch * this.stepsPerEpoch);
    const seeding = { seed, epoch, training: true };
    const read = (indices: readonly number[][]): Promise<Batch[]> =>
      Promise.all(indices.map(async (batch) => (await readBatch(task, train, batch, seeding)).batch));
    for await (const parts of prefetch(updates, UPDATES_AHEAD, read)) {
      const started = performance.now();
      const next = this.step.step + 1;
      const result = await this.update(
        this.step.compiled ? parts.map((part) => padBatch(part, batchSize).inputs) : parts.map(({ inputs }) => inputs),
        next >= this.totalSteps || next - startedAt === stopAfter,
      );
      this.requireFinite(result);
      this.record(result, parts, (performance.now() - started) / 1000);
      const stops = await Promise.all(callbacks.map((callback) => callback.onStep?.(this.step.step, result)));
      const reason = await this.afterStep(startedAt, stopAfter, stops.includes('stop'));
      if (reason !== null || this.step.step >= this.totalSteps) return reason;
    }
    return null;
  }

  /** One update; the profiler traces one of them. */
  private async update(batches: readonly RawTensors[], isLast: boolean): Promise<StepResult> {
    if (this.profiler?.isDue(batches, isLast) !== true) return this.step.run(batches);
    const { result, trace } = await this.step.profile(batches);
    await this.profiler.write(this.step.step, trace);
    return result;
  }

  private createProfiler(): StepProfiler | null {
    const { profile } = this.options;
    if (profile === undefined) return null;
    if (this.step.compiled) return new StepProfiler(profile, (line) => this.progress.line(line));
    throw new ConfigError('Trainer: profile needs the compiled step; leave profile out, or pass compile: true');
  }

  /** Evaluates and saves when it is time to; says when the run is over before its last step. */
  private async afterStep(
    startedAt: number,
    stopAfter: number | undefined,
    isStopped: boolean,
  ): Promise<EndReason | null> {
    const { step } = this.step;
    const isLast = step >= this.totalSteps;
    const signal = this.signals.received;
    const ends = signal ?? (isStopped ? 'callback' : !isLast && step - startedAt === stopAfter ? 'stopAfter' : null);
    if (this.isEvaluationDue(step) && signal === null) {
      const reason = await this.evaluateAndSave();
      return reason ?? ends;
    }
    if (ends !== null || isLast || this.isDue(this.arguments.saveEvery, step)) await this.save();
    return ends;
  }

  private isEvaluationDue(step: number): boolean {
    const { evaluateEvery } = this.arguments;
    if (this.options.validation === undefined || evaluateEvery === 'never') return false;
    return step >= this.totalSteps || this.isDue(evaluateEvery, step);
  }

  private isDue(every: 'epoch' | 'never' | number, step: number): boolean {
    if (every === 'never') return false;
    return step % (every === 'epoch' ? this.stepsPerEpoch : every) === 0;
  }

  private requireFinite({ loss, gradientNorm, lossScale }: StepResult): void {
    if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) return;
    const { step } = this.step;
    const isScaled = lossScale !== undefined && Number.isFinite(loss); // the scale was too large, and is smaller now
    if (isScaled && lossScale < 1) {
      throw new TrainingError(
        `step ${step}: gradients do not fit into float16 at any loss scale; train in bf16 or fp32`,
      );
    }
    if (this.arguments.skipNonFinite || isScaled) {
      this.state.skippedSteps += 1;
      const scale = isScaled ? `; loss scale now ${lossScale}` : '';
      this.progress.line(`step ${step}: passed over, loss ${loss}, gradient norm ${gradientNorm}${scale}`);
      return;
    }
    throw new TrainingError(
      `step ${step}: the loss is ${loss} and the gradient norm ${gradientNorm}; lower the learning rate, look at the data, or pass skipNonFinite`,
    );
  }

  private record({ loss, gradientNorm, learningRate }: StepResult, parts: readonly Batch[], seconds: number): void {
    const { step } = this.step;
    const { interval } = this.state;
    if (Number.isFinite(loss + gradientNorm)) {
      interval.steps += 1;
      interval.loss += loss;
      interval.gradientNorm += gradientNorm;
    }
    for (const part of parts) {
      const { places, padded } = countPadding(part, this.step.compiled ? this.arguments.batchSize : part.count);
      this.places.all += places;
      this.places.padded += padded;
    }
    interval.examples += parts.reduce((sum, { count }) => sum + count, 0);
    this.log.timeStep(seconds);
    this.progress.update(step, { loss, learningRate });
    if (step % this.arguments.logEvery !== 0 && step < this.totalSteps) return;
    this.log.train(step, step / this.stepsPerEpoch, {
      loss: interval.loss / interval.steps,
      gradientNorm: interval.gradientNorm / interval.steps,
      learningRate,
      examples: interval.examples,
    });
    this.state.interval = { loss: 0, gradientNorm: 0, steps: 0, examples: 0 };
  }

  private async evaluateAndSave(): Promise<EndReason | null> {
    const { validation, task, callbacks = [] } = this.options;
    if (validation === undefined) return null;
    const { step } = this.step;
    const started = performance.now();
    const notes = new NoteCollector();
    const metrics = await this.withAverage(() => this.evaluate(validation, notes));
    if (metrics === null) {
      await this.save(); // a signal came: the evaluation is owed
      return this.signals.received;
    }
    this.lastMetrics = metrics;
    const seconds = (performance.now() - started) / 1000;
    const value = metrics[task.primaryMetric];
    if (value === undefined) {
      throw new ConfigError(
        `task ${task.name}: its primary metric "${task.primaryMetric}" is not among ${Object.keys(metrics).join(', ')}`,
      );
    }
    const { best } = this.state;
    const isBetter =
      Number.isFinite(value) && (best === null || (task.greaterIsBetter ? value > best.value : value < best.value));
    this.state.best = isBetter ? { step, value, metrics: finiteOf(metrics) } : best;
    this.state.staleEvaluations = isBetter ? 0 : this.state.staleEvaluations + 1;
    this.state.evaluatedStep = step;
    this.log.evaluate(step, step / this.stepsPerEpoch, metrics, seconds);
    await this.logDetails(step, notes.summary(), isBetter);
    const figures = Object.entries(metrics).map(([name, figure]) => `${name} ${Number(figure.toFixed(4))}`);
    this.progress.line(
      `evaluation after step ${step}: ${figures.join(', ')}${isBetter ? ' (best)' : ''}, ${duration(seconds)}`,
    );
    await this.save();
    const stops = await Promise.all(callbacks.map((callback) => callback.onEvaluate?.(step, metrics)));
    if (stops.includes('stop')) return 'callback';
    return this.isTired() ? 'early' : this.signals.received;
  }

  /** Whether early stopping ends the run here. */
  private isTired(): boolean {
    const { staleEvaluations } = this.state;
    if (staleEvaluations < (this.arguments.patience ?? Infinity) || this.step.step >= this.totalSteps) return false;
    this.progress.line(`no better evaluation for ${staleEvaluations} times: stopping early`);
    return true;
  }

  /** Figures on a data set with the weights as they are. Null when a signal came. */
  private evaluate(dataset: Dataset<E>, notes: NoteCollector): Promise<Record<string, number> | null> {
    const { batchSize, evaluationBatchSize = batchSize, seed } = this.arguments;
    const { task } = this.options;
    return evaluateTask({
      task,
      dataset,
      batchSize: evaluationBatchSize,
      seed,
      outputs: (inputs) => this.step.outputs(inputs),
      padBatches: this.step.compiled,
      isStopped: () => this.signals.received !== null,
      onBatch: (examples, outputs) => task.describe?.(examples, outputs).forEach((note) => notes.add(note)),
    });
  }

  /** Examples for the report and for TensorBoard, and on request the distributions of the parameters. */
  private async logDetails(step: number, notes: NotesSummary, isBetter: boolean): Promise<void> {
    if (notes.count > 0) this.log.text(step, 'evaluate/examples', notesTable(notes.first));
    if (notes.count > 0 && isBetter) {
      await writeTextAtomic(join(this.arguments.outputDir, EXAMPLES_FILE), `${JSON.stringify(notes)}\n`);
    }
    if (!this.arguments.histograms) return;
    for (const [name, parameter] of this.options.model.namedParameters()) {
      this.log.histogram(step, `parameters/${name}`, await parameter.data());
    }
  }

  private withAverage<T>(use: () => Promise<T>): Promise<T> {
    return this.arguments.emaDecay === undefined ? use() : this.step.withAverage(use);
  }

  /** Writes a checkpoint, puts the best model into the run folder, and lets old checkpoints go. */
  private async save(): Promise<void> {
    const { model, callbacks = [] } = this.options;
    const { step } = this.step;
    const dir = await this.store.write(step, this.state, async (temporary) => {
      await model.savePretrained(temporary);
      await this.step.saveState(temporary);
      if (this.arguments.emaDecay !== undefined)
        await this.step.withAverage(() => model.savePretrained(join(temporary, AVERAGE)));
    });
    const best = this.state.best?.step ?? step;
    if (best === step) await this.publish(step);
    await this.store.rotate(this.arguments.keepCheckpoints, [best]);
    await Promise.all(callbacks.map((callback) => callback.onSave?.(step, dir)));
  }

  /** Publishes the best model, which a kill may have prevented. A damaged one must not take the place of what lies there. */
  private async publishAgain(best: number, checkedStep: number | undefined): Promise<void> {
    const problem = best === checkedStep ? null : await this.store.problemOf(best);
    if (problem === null) return this.publish(best);
    this.progress.line(`${problem}; the best model so far was its, and the run folder keeps the model that it has`);
  }

  private publish(step: number): Promise<void> {
    return publishModel(this.store.dirOf(step), this.arguments.outputDir);
  }
}

/** Options of the trainer that are no TrainingArguments. */
const NOT_ARGUMENTS = new Set<string>([
  'model',
  'task',
  'train',
  'validation',
  'callbacks',
  'progress',
  'profile',
  'saveAssets',
  'readPicture',
  'settings',
  'fixedSettings',
]);
