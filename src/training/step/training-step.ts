// The training step over a runner, which executes its functions eagerly or compiled.
import type { ChromeTrace } from '../../engine/session/contract.js';
import { ConfigError } from '../../errors.js';
import { type RawTensors, type ReadTensor } from '../../raw-tensor.js';
import { type StepResult, type TrainingStep } from './contract.js';
import { joinFeeds, rawFeeds } from './update/feeds.js';
import { FunctionCache } from './function-cache.js';
import { type Summed } from './update/gradients.js';
import { flattenOutputs, type OutputFlags, outputFlags, rawScalar, toOutputs, readInputs } from './inputs.js';
import { createUpdateRule, type UpdateRule } from './optimizer.js';
import { readStepState, type SavedLossScale, writeStepState } from './optimizer-state.js';
import { type ResolvedStepOptions } from './options.js';
import { type RunFunction, type StepRunner } from './runner.js';
import { createSchedule } from './schedule.js';
import { GOOD_STEPS, LOSS_SCALE, StepVariables } from './step-variables.js';
import { checksumOf, createBroadcast } from './synchronise.js';
import { type StepInputs, type StepOutputs, type TrainableModel } from './trainable-model.js';
import { createUpdate, type UpdateOptions } from './update/update.js';

/** The position of a batch in its update, on which the update's function depends. */
interface BatchPosition {
  /** Whether it is the whole update. */
  isOnly: boolean;
  isLast: boolean;
  earlier: Summed;
}

/** Options, and values derived from them. */
interface Optimization {
  options: ResolvedStepOptions;
  schedule: (step: number) => number;
  rule: UpdateRule;
}

/** Number of updates, and of skipped ones among them (not finite), which the optimizer does not count. */
interface Counts {
  step: number;
  skipped: number;
}

/** The step over a runner, eager or compiled. */
export class ModelTrainingStep implements TrainingStep {
  private counts: Counts = { step: 0, skipped: 0 };
  private optimization: Optimization;
  private readonly variables: StepVariables;
  private readonly updates: FunctionCache<BatchPosition, RunFunction>;
  private readonly forwards: FunctionCache<OutputFlags, RunFunction>;
  private readonly startAverages: RunFunction;
  private readonly exchangeAverages: RunFunction;
  private tail: Promise<unknown> = Promise.resolve();
  /** The promise of the first `dispose`, which later calls return. */
  private ending: Promise<void> | null = null;
  private isDisposed = false;

  private constructor(
    private readonly model: TrainableModel,
    options: ResolvedStepOptions,
    private readonly runner: StepRunner,
  ) {
    this.optimization = optimizationOf(options);
    this.variables = new StepVariables(model, runner, options);
    this.updates = new FunctionCache(isSamePosition, (position) => this.prepareUpdate(position));
    this.forwards = new FunctionCache(isSameFlags, (flags) =>
      runner.prepare(
        (batch) => flattenOutputs(model.compute(batch, { training: false, dropoutKey: null, ...flags })),
        'evaluate',
      ),
    );
    this.startAverages = runner.prepare(this.variables.startAverages, 'start-averages');
    this.exchangeAverages = runner.prepare(this.variables.exchangeAverages, 'exchange');
  }

  /** Creates a step that holds the model's parameters; on failure they are returned. */
  static async create(model: TrainableModel, options: ResolvedStepOptions, runner: StepRunner): Promise<TrainingStep> {
    try {
      if (options.labelSmoothing > 0 && model.smoothsLabels !== true) {
        throw new ConfigError(
          'createTrainingStep: labelSmoothing needs a head that chooses one of several classes; leave it out for this model',
        );
      }
      const step = new ModelTrainingStep(model, options, runner);
      model.holdParameters(step);
      if (options.emaDecay !== undefined) await step.startAverages({});
      return step;
    } catch (error) {
      await runner.dispose();
      throw error;
    }
  }

  get compiled(): boolean {
    return this.runner.compiled;
  }

  get recordings(): number {
    return this.runner.recordings;
  }

  get step(): number {
    return this.counts.step;
  }

  get options(): Readonly<ResolvedStepOptions> {
    return this.optimization.options;
  }

  run(inputs: StepInputs | readonly StepInputs[], shares?: readonly number[]): Promise<StepResult> {
    return this.inOrder(async () => this.advance(inputs, shares, (update, arrays) => update(arrays)));
  }

  profile(
    inputs: StepInputs | readonly StepInputs[],
    shares?: readonly number[],
  ): Promise<{ result: StepResult; trace: ChromeTrace }> {
    if (!this.compiled) {
      return Promise.reject(
        new ConfigError('TrainingStep.profile: only a compiled step has a timeline; pass compile: true'),
      );
    }
    return this.inOrder(async () => {
      let trace: ChromeTrace = { traceEvents: [] };
      const result = await this.advance(inputs, shares, async (update, arrays) => {
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
    shares: readonly number[] | undefined,
    runLast: (update: RunFunction, arrays: RawTensors) => Promise<RawTensors>,
  ): Promise<StepResult> {
    const given = await Promise.all((isList(inputs) ? inputs : [inputs]).map(readInputs));
    const batches = given.map((batch) => this.model.prepareArrays(batch));
    const total = batches.reduce((sum, { exampleCount }) => sum + exampleCount, 0);
    if (!(total > 0)) {
      throw new ConfigError(
        `TrainingStep.run: expected at least one example, received ${batches.length} empty batches; leave the update out`,
      );
    }
    const { workers } = this.runner;
    if (workers !== null && shares?.length !== batches.length)
      throw new ConfigError(
        'TrainingStep.run: with several workers each batch needs its share of the update; pass shares',
      );
    const { step, skipped } = this.counts;
    const { options, schedule, rule } = this.optimization;
    const rate = schedule(step);
    const scalars = rule.scalars(step - skipped, rate);
    const names = [...this.variables.parameters.keys()];
    const summed = new Set<string>();
    let loss = 0;
    let end: RawTensors = {};
    for (const [index, { arrays, exampleCount }] of batches.entries()) {
      const share = shares?.[index] ?? exampleCount / total;
      const isLast = index === batches.length - 1;
      const update = this.updates.get({ isOnly: batches.length === 1, isLast, earlier: new Set(summed) });
      const draw = step * batches.length + index;
      const dropoutKey = [options.seed, draw, ...(workers === null ? [] : [workers.server.worker])];
      const joined = joinFeeds(arrays, rawFeeds({ ...scalars, dropoutKey, share }));
      end = await (isLast ? runLast(update, joined) : update(joined));
      loss += (workers === null ? share : 1) * numberOf(end, 'loss'); // already weighted and summed over workers
      end['summed']?.data.forEach((flag, parameter) => flag === 1 && summed.add(names[parameter] as string));
    }
    const gradientNorm = numberOf(end, 'gradientNorm');
    const isSkipped = this.skipsNonFinite && !Number.isFinite(numberOf(end, 'loss') + gradientNorm);
    this.counts = { step: step + 1, skipped: skipped + Number(isSkipped) };
    const scale = this.variables.lossScale === null ? {} : { lossScale: numberOf(end, 'lossScale') };
    return { loss, gradientNorm, learningRate: rate, ...scale };
  }

  async evaluate(inputs: StepInputs): Promise<StepOutputs> {
    return toOutputs(await this.outputs(inputs));
  }

  outputs(inputs: StepInputs): Promise<RawTensors> {
    return this.inOrder(async () => {
      const { arrays } = this.model.prepareArrays(await readInputs(inputs)); // before the flags, since it reports invalid inputs
      return this.forwards.get(outputFlags(inputs))(arrays);
    });
  }

  async withAverage<T>(use: () => Promise<T>): Promise<T> {
    if (this.options.emaDecay === undefined)
      throw new ConfigError('withAverage: the step has no moving average; set emaDecay');
    const exchange = (): Promise<RawTensors> => this.inOrder(() => this.exchangeAverages({}));
    await exchange();
    try {
      return await use();
    } finally {
      await exchange();
    }
  }

  saveState(dir: string): Promise<void> {
    const shapes = this.variables.savedShapes();
    const save = async (read: ReadTensor): Promise<void> =>
      writeStepState(dir, {
        ...this.counts,
        options: this.options,
        names: [...shapes.keys()],
        shapeOf: (name) => shapes.get(name) ?? [],
        read,
        lossScale: this.variables.lossScale === null ? null : await readLossScale(read),
      });
    return this.inOrder(() => this.runner.lend(save));
  }

  loadState(dir: string): Promise<void> {
    return this.inOrder(async () => {
      const before = this.options;
      const { step, skipped, options, lossScale } = await readStepState(
        dir,
        before.optimizer,
        this.variables.savedShapes(),
        (name, value) => this.runner.write(name, value),
      );
      if (this.variables.lossScale !== null && lossScale !== null) {
        await this.runner.write(LOSS_SCALE, rawScalar(lossScale.scale));
        await this.runner.write(GOOD_STEPS, rawScalar(lossScale.goodSteps));
      }
      this.counts = { step, skipped };
      this.optimization = optimizationOf({ ...before, ...options });
      const { beta1, beta2, epsilon } = before;
      if (options.beta1 !== beta1 || options.beta2 !== beta2 || options.epsilon !== epsilon) this.updates.clear();
    });
  }

  synchronise(): Promise<string> {
    return this.inOrder(async () => {
      const { workers } = this.runner;
      if (workers === null) throw new ConfigError('TrainingStep.synchronise: the step has no workers');
      const variables = this.variables.all();
      const broadcast = this.runner.prepare(createBroadcast(variables, workers), 'broadcast');
      const { step, skipped } = this.counts;
      const { counts } = await broadcast({
        counts: { dtype: 'float32', shape: [2], data: Float32Array.of(step, skipped) },
      });
      const [firstStep = NaN, firstSkipped = NaN] = counts?.data ?? [];
      this.counts = { step: firstStep, skipped: firstSkipped };
      const checksum = await this.runner.lend((read) => checksumOf([...variables.keys()], read));
      return `${firstStep} ${firstSkipped} ${checksum}`;
    });
  }

  syncParameters(): Promise<void> {
    return this.inOrder(async () => undefined); // reading the variables then reads the session
  }

  lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> {
    return this.inOrder(() => this.runner.lend(use));
  }

  dispose(): Promise<void> {
    this.ending ??= this.inOrder(async () => {
      this.isDisposed = true;
      await this.runner.dispose();
      this.model.holdParameters(null);
    });
    return this.ending;
  }

  private prepareUpdate({ isOnly, isLast, earlier }: BatchPosition): RunFunction {
    const accumulation = isOnly ? null : { sums: this.variables.accumulators(), earlier, isLast };
    const { maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing } = this.options;
    const { rule } = this.optimization;
    const { parameters, lossScale } = this.variables;
    const { workers } = this.runner;
    const options: UpdateOptions = {
      ...{ rule, lossScale, workers, maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing },
    };
    return this.runner.prepare(
      createUpdate(this.model, parameters, options, accumulation),
      isOnly ? 'train' : isLast ? 'train-last' : 'train-part',
    );
  }

  private get skipsNonFinite(): boolean {
    return this.options.skipNonFinite || this.variables.lossScale !== null;
  }

  /**
   * Runs jobs one after the other, whether awaited or not; a failed one does not stop the next. The queue of a compiled session orders
   * only single runs, while an update may consist of several, and the next one needs its count.
   */
  private inOrder<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail.then(() => {
      if (this.isDisposed)
        throw new ConfigError('TrainingStep: the step was disposed; create a new one with createTrainingStep');
      return task();
    });
    this.tail = result.catch(() => undefined);
    return result;
  }
}

function optimizationOf(options: ResolvedStepOptions): Optimization {
  return { options, schedule: createSchedule(options), rule: createUpdateRule(options.optimizer, options) };
}

async function readLossScale(read: ReadTensor): Promise<SavedLossScale> {
  const scalar = async (name: string): Promise<number> => (await read(name)).data[0] ?? NaN;
  return { scale: await scalar(LOSS_SCALE), goodSteps: await scalar(GOOD_STEPS) };
}

function isSamePosition(a: BatchPosition, b: BatchPosition): boolean {
  const isSameSet = a.earlier.size === b.earlier.size && [...a.earlier].every((name) => b.earlier.has(name));
  return a.isOnly === b.isOnly && a.isLast === b.isLast && isSameSet;
}

function isSameFlags(a: OutputFlags, b: OutputFlags): boolean {
  return a.outputAttentions === b.outputAttentions && a.outputHiddenStates === b.outputHiddenStates;
}

function isList(inputs: StepInputs | readonly StepInputs[]): inputs is readonly StepInputs[] {
  return Array.isArray(inputs);
}

function numberOf(outputs: RawTensors, name: string): number {
  return outputs[name]?.data[0] ?? NaN;
}
