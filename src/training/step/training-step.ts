// One optimizer update at a time over a model's parameters: eager on any backend, or through the runner of the compiled engine.
import type * as tf from '@tensorflow/tfjs';
import type { ChromeTrace } from '../../engine/session/contract.js';
import { ConfigError } from '../../errors.js';
import { INITIAL_LOSS_SCALE, type LossScale } from './loss-scale.js';
import { createUpdateRule, type UpdateRule } from './optimizer.js';
import { createParameterGroups } from './parameter-groups.js';
import { createSchedule } from './schedule.js';
import {
  exampleCount,
  flattenOutputs,
  outputFlags,
  type RawTensors,
  rawScalar,
  toOutputs,
  toRawInputs,
} from './inputs.js';
import { type ResolvedStepOptions, resolveStepOptions, type TrainingStepOptions } from './options.js';
import { createEagerRunner, type RunFunction, type StepFunction, type StepRunner } from './runner.js';
import { readStepState, type SavedLossScale, writeStepState } from './optimizer-state.js';
import { type StepInputs, type StepOutputs, type TrainableModel } from './trainable-model.js';
import { type StepResult, type TrainingStep } from './contract.js';
import { createUpdate, type Phase, type Summed, type TrainedParameter, type UpdateOptions } from './update.js';

/**
 * A training step over the model's parameters, run eagerly.
 * @throws ConfigError for options out of range, and for `compile: true`, which needs `visualbert-tfjs/node` and its engine.
 */
export async function createTrainingStep(model: TrainableModel, options: TrainingStepOptions): Promise<TrainingStep> {
  const resolved = resolveStepOptions(options);
  if (resolved.compile) {
    throw new ConfigError(
      'createTrainingStep: compile: true needs the native engine of visualbert-tfjs/node (`visualbert engine install`); pass compile: false to run eagerly',
    );
  }
  return createEagerTrainingStep(model, resolved);
}

/** The eager step of resolved options. @throws ConfigError for low precision, which only the compiled step has. */
export async function createEagerTrainingStep(
  model: TrainableModel,
  options: ResolvedStepOptions,
): Promise<TrainingStep> {
  if (options.precision !== 'fp32') {
    throw new ConfigError(
      `createTrainingStep: precision "${options.precision}" needs compile: true; use fp32 to run eagerly`,
    );
  }
  return ModelTrainingStep.create(model, options, createEagerRunner(model.namedParameters()));
}

/** The step over a runner: what is eager or compiled about it lies in the runner alone. */
export class ModelTrainingStep implements TrainingStep {
  private stepCount = 0;
  /** Updates among them that were not finite and passed over: the optimizer has not seen them. */
  private skippedCount = 0;
  private resolved: ResolvedStepOptions;
  private schedule: (step: number) => number;
  private rule: UpdateRule;
  private readonly lossScale: LossScale | null;
  private readonly parameters: Map<string, TrainedParameter>;
  private readonly functions = new Map<string, RunFunction>();
  private tail: Promise<unknown> = Promise.resolve();
  private isDisposed = false;
  /** Set by the first call of `dispose`. */
  private ending: Promise<void> | null = null;

  private constructor(
    private readonly model: TrainableModel,
    options: ResolvedStepOptions,
    private readonly runner: StepRunner,
  ) {
    this.resolved = options;
    this.schedule = createSchedule(options);
    this.rule = createUpdateRule(options.optimizer, options);
    this.lossScale =
      options.precision === 'fp16'
        ? {
            scale: runner.addVariable(LOSS_SCALE, [], INITIAL_LOSS_SCALE),
            goodSteps: runner.addVariable(GOOD_STEPS, []),
          }
        : null;
    const variables = model.namedParameters();
    const trainable = [...variables].flatMap(([name, { trainable }]) => (trainable ? [name] : []));
    const groups = createParameterGroups(trainable, options);
    const add = (kind: string, name: string, { shape }: tf.Variable): tf.Variable =>
      runner.addVariable(`${kind}.${name}`, shape);
    this.parameters = new Map(
      [...groups].map(([name, factors]) => {
        const parameter = variables.get(name) as tf.Variable;
        const first = add('exp_avg', name, parameter);
        const second = add('exp_avg_sq', name, parameter);
        const average = options.emaDecay === undefined ? null : add('average', name, parameter);
        return [name, { ...factors, parameter, first, second, average, sum: null }];
      }),
    );
  }

  /** A step that holds the model's parameters; when there is none to be had, the runner gives back what it took. */
  static async create(model: TrainableModel, options: ResolvedStepOptions, runner: StepRunner): Promise<TrainingStep> {
    try {
      return await ModelTrainingStep.start(model, options, runner);
    } catch (error) {
      await runner.dispose();
      throw error;
    }
  }

  private static async start(
    model: TrainableModel,
    options: ResolvedStepOptions,
    runner: StepRunner,
  ): Promise<TrainingStep> {
    if (options.labelSmoothing > 0 && model.smoothsLabels !== true) {
      throw new ConfigError(
        'createTrainingStep: labelSmoothing needs a head that chooses one of several classes; leave it out for this model',
      );
    }
    const step = new ModelTrainingStep(model, options, runner);
    model.holdParameters(step);
    await step.startAverages();
    return step;
  }

  get compiled(): boolean {
    return this.runner.compiled;
  }

  get recordings(): number {
    return this.runner.recordings;
  }

  get step(): number {
    return this.stepCount;
  }

  get options(): Readonly<ResolvedStepOptions> {
    return this.resolved;
  }

  run(inputs: StepInputs | readonly StepInputs[]): Promise<StepResult> {
    return this.inOrder(async () => this.advance(inputs, (update, arrays) => update(arrays)));
  }

  profile(inputs: StepInputs | readonly StepInputs[]): Promise<{ result: StepResult; trace: ChromeTrace }> {
    if (!this.compiled) {
      return Promise.reject(
        new ConfigError('TrainingStep.profile: only a compiled step has a timeline; pass compile: true'),
      );
    }
    return this.inOrder(async () => {
      let trace: ChromeTrace = { traceEvents: [] };
      const result = await this.advance(inputs, async (update, arrays) => {
        const profiled = await update.profile?.(arrays);
        trace = profiled?.trace ?? trace;
        return profiled?.outputs ?? {};
      });
      return { result, trace };
    });
  }

  /** One update; `runLast` runs its last or only batch. */
  private async advance(
    inputs: StepInputs | readonly StepInputs[],
    runLast: (update: RunFunction, arrays: RawTensors) => Promise<RawTensors>,
  ): Promise<StepResult> {
    const batches = (isList(inputs) ? inputs : [inputs]).map((batch) => toRawInputs(this.model, batch));
    const counts = batches.map(exampleCount);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (!(total > 0)) {
      throw new ConfigError(
        `TrainingStep.run: expected at least one example, received ${batches.length} batches without any; leave the update out`,
      );
    }
    const rate = this.schedule(this.stepCount);
    const scalars = this.rule.scalars(this.stepCount - this.skippedCount, rate);
    let loss = 0;
    let end: RawTensors = {};
    const names = [...this.parameters.keys()];
    const summed = new Set<string>();
    for (const [index, batch] of batches.entries()) {
      const share = (counts[index] as number) / total;
      const isLast = index === batches.length - 1;
      const update = this.update(phaseOf(index, batches.length), summed);
      const arrays = {
        ...batch,
        dropoutKey: {
          dtype: 'int32' as const,
          shape: [2],
          data: Int32Array.of(this.resolved.seed, this.stepCount * batches.length + index),
        },
        rate: rawScalar(scalars.rate),
        firstCorrection: rawScalar(scalars.firstCorrection),
        secondCorrection: rawScalar(scalars.secondCorrection),
        share: rawScalar(share),
      };
      end = await (isLast ? runLast(update, arrays) : update(arrays));
      loss += share * numberOf(end, 'loss');
      end['summed']?.data.forEach((flag, place) => flag === 1 && summed.add(names[place] as string));
    }
    const gradientNorm = numberOf(end, 'gradientNorm');
    const isSkipped = this.skipsNonFinite && !Number.isFinite(numberOf(end, 'loss') + gradientNorm);
    this.stepCount += 1;
    if (isSkipped) this.skippedCount += 1;
    const scale = this.lossScale === null ? {} : { lossScale: numberOf(end, 'lossScale') };
    return { loss, gradientNorm, learningRate: rate, ...scale };
  }

  async evaluate(inputs: StepInputs): Promise<StepOutputs> {
    return toOutputs(await this.forward(inputs));
  }

  async outputs(inputs: StepInputs): Promise<RawTensors> {
    return this.forward(inputs);
  }

  async withAverage<T>(use: () => Promise<T>): Promise<T> {
    if (this.resolved.emaDecay === undefined)
      throw new ConfigError('withAverage: the step keeps no average; set emaDecay');
    await this.exchange();
    try {
      return await use();
    } finally {
      await this.exchange();
    }
  }

  saveState(dir: string): Promise<void> {
    return this.inOrder(async () =>
      writeStepState(dir, {
        step: this.stepCount,
        skipped: this.skippedCount,
        options: this.resolved,
        names: this.savedNames(),
        shapeOf: (name) => this.shapeOf(name),
        read: (name) => this.runner.read(name),
        lossScale: await this.readLossScale(),
      }),
    );
  }

  loadState(dir: string): Promise<void> {
    return this.inOrder(async () => {
      const shapes = new Map(this.savedNames().map((name) => [name, this.shapeOf(name)]));
      const { step, skipped, options, lossScale } = await readStepState(
        dir,
        this.resolved.optimizer,
        shapes,
        (name, value) => this.runner.write(name, value),
      );
      this.stepCount = step;
      this.skippedCount = skipped;
      const { beta1, beta2, epsilon } = this.resolved;
      if (options.beta1 !== beta1 || options.beta2 !== beta2 || options.epsilon !== epsilon) this.functions.clear(); // made with the old ones
      if (this.lossScale !== null && lossScale !== null) {
        await this.runner.write(LOSS_SCALE, rawScalar(lossScale.scale));
        await this.runner.write(GOOD_STEPS, rawScalar(lossScale.goodSteps));
      }
      this.resolved = { ...this.resolved, ...options };
      this.schedule = createSchedule(this.resolved);
      this.rule = createUpdateRule(this.resolved.optimizer, this.resolved);
    });
  }

  syncParameters(): Promise<void> {
    return this.inOrder(() => this.runner.syncParameters());
  }

  dispose(): Promise<void> {
    this.ending ??= this.inOrder(async () => {
      this.isDisposed = true;
      await this.runner.dispose();
      this.model.holdParameters(null);
    });
    return this.ending;
  }

  /** Work of one update, recorded or not, for each place that a batch can have in it. */
  private update(phase: Phase, summed: Summed): RunFunction {
    if (phase !== 'only') this.addSums();
    const earlier = new Set(summed);
    return this.prepared(
      `train-${phase}`,
      () => createUpdate(this.model, this.parameters, this.updateOptions(), phase, earlier),
      [...earlier].join(),
    );
  }

  private updateOptions(): UpdateOptions {
    const { maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing } = this.resolved;
    const { rule, lossScale } = this;
    return { rule, maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing, lossScale };
  }

  private get skipsNonFinite(): boolean {
    return this.resolved.skipNonFinite || this.lossScale !== null;
  }

  private async readLossScale(): Promise<SavedLossScale | null> {
    if (this.lossScale === null) return null;
    const [scale, goodSteps] = await Promise.all([this.runner.read(LOSS_SCALE), this.runner.read(GOOD_STEPS)]);
    return { scale: scale.data[0] ?? NaN, goodSteps: goodSteps.data[0] ?? NaN };
  }

  private addSums(): void {
    for (const [name, entry] of this.parameters)
      entry.sum ??= this.runner.addVariable(`sum.${name}`, entry.parameter.shape);
  }

  private forward(inputs: StepInputs): Promise<RawTensors> {
    return this.inOrder(async () => {
      const flags = outputFlags(inputs);
      const evaluate = this.prepared(
        `evaluate${JSON.stringify(flags)}`,
        () => (batch) => flattenOutputs(this.model.compute(batch, { training: false, dropoutKey: null, ...flags })),
      );
      return evaluate(toRawInputs(this.model, inputs));
    });
  }

  /** Exchanges every parameter with its average. */
  private exchange(): Promise<void> {
    const exchange = this.prepared('exchange', () => () => {
      for (const { parameter, average } of this.parameters.values()) {
        if (average === null) continue;
        const kept = parameter.clone();
        parameter.assign(average);
        average.assign(kept);
      }
      return {};
    });
    return this.inOrder(async () => void (await exchange({})));
  }

  /** Sets the averages to the parameters they start from. */
  private async startAverages(): Promise<void> {
    const entries = [...this.parameters.values()].filter(({ average }) => average !== null);
    if (entries.length === 0) return;
    const start = this.prepared('start-averages', () => () => {
      for (const { parameter, average } of entries) average?.assign(parameter.clone());
      return {};
    });
    await start({});
  }

  /** A function made once for each name and variant. */
  private prepared(name: string, create: () => StepFunction, variant = ''): RunFunction {
    const key = `${name} ${variant}`;
    const known = this.functions.get(key);
    if (known !== undefined) return known;
    const prepared = this.runner.prepare(create(), name);
    this.functions.set(key, prepared);
    return prepared;
  }

  private savedNames(): string[] {
    const kinds =
      this.resolved.emaDecay === undefined ? ['exp_avg', 'exp_avg_sq'] : ['exp_avg', 'exp_avg_sq', 'average'];
    return kinds.flatMap((kind) => [...this.parameters.keys()].map((name) => `${kind}.${name}`));
  }

  private shapeOf(savedName: string): readonly number[] {
    return this.parameters.get(savedName.slice(savedName.indexOf('.') + 1))?.parameter.shape ?? [];
  }

  /** Runs tasks one after the other, whether awaited or not; a failed one does not stop the next. */
  private inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(() => {
      if (this.isDisposed)
        throw new ConfigError('TrainingStep: it was disposed; create a new one with createTrainingStep');
      return task();
    });
    this.tail = result.catch(() => undefined);
    return result;
  }
}

/** Variables of a scaled loss. */
const [LOSS_SCALE, GOOD_STEPS] = ['loss_scale', 'good_steps'] as const;

function phaseOf(index: number, count: number): Phase {
  if (count === 1) return 'only';
  return index === 0 ? 'first' : index === count - 1 ? 'last' : 'middle';
}

function isList(inputs: StepInputs | readonly StepInputs[]): inputs is readonly StepInputs[] {
  return Array.isArray(inputs);
}

function numberOf(outputs: RawTensors, name: string): number {
  return outputs[name]?.data[0] ?? NaN;
}
