// The training step over a runner, which executes its functions eagerly or compiled.
import type { ChromeTrace } from '../../engine/session/contract.js';
import { RunQueue } from '../../calls/run-queue.js';
import { ConfigError } from '../../errors.js';
import { type RawTensors, type ReadTensor } from '../../raw-tensor.js';
import { type StepResult, type TrainingStep } from './contract.js';
import { type ForwardPass, forwardPassOver } from '../../inference/forward-pass.js';
import { rawScalar, toOutputs } from '../../inference/arrays.js';
import { readOptimizerState, type SavedLossScale, writeOptimizerState } from './optimizer-state.js';
import { type ResolvedStepOptions } from './options.js';
import { type RunFunction, type Runner } from '../../inference/runner.js';
import { GOOD_STEPS, LOSS_SCALE, StepVariables } from './step-variables.js';
import { checksumOf, createBroadcast } from './synchronise.js';
import type { TrainableModel } from './trainable-model.js';
import type { InputValues, OutputTensors } from '../../inference/runnable-model.js';
import { Updater } from './updater.js';
import { type WorkerGroup } from './worker-group.js';

/** The step over a runner, eager or compiled. */
export class ModelTrainingStep implements TrainingStep {
  private readonly variables: StepVariables;
  private readonly updater: Updater;
  private readonly forward: ForwardPass;
  private readonly startAverages: RunFunction;
  private readonly exchangeAverages: RunFunction;
  /**
   * The calls, one after the other. The session's own queue orders single runs: it does not suffice for an update of several runs, which
   * also needs the counts of the update before it, nor is there one for eager runs.
   */
  private readonly queue = new RunQueue({
    closed: () => new ConfigError('TrainingStep: the step was disposed; create a new one with createTrainingStep'),
  });

  private constructor(
    private readonly model: TrainableModel,
    options: ResolvedStepOptions,
    private readonly runner: Runner,
    private readonly workers: WorkerGroup | null,
  ) {
    this.variables = new StepVariables(model, runner, options);
    this.updater = new Updater(model, options, runner, workers, this.variables);
    this.forward = forwardPassOver(model, runner);
    this.startAverages = runner.prepare(this.variables.startAverages, 'start-averages');
    this.exchangeAverages = runner.prepare(this.variables.exchangeAverages, 'exchange');
  }

  /** Creates a step that holds the model's parameters; on failure they are returned. */
  static async create(
    model: TrainableModel,
    options: ResolvedStepOptions,
    runner: Runner,
    workers: WorkerGroup | null,
  ): Promise<TrainingStep> {
    try {
      if (options.labelSmoothing > 0 && model.smoothsLabels !== true) {
        throw new ConfigError(
          'createTrainingStep: labelSmoothing needs a head that chooses one of several classes; leave it out for this model',
        );
      }
      const step = new ModelTrainingStep(model, options, runner, workers);
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
    return this.updater.counts.step;
  }

  get options(): Readonly<ResolvedStepOptions> {
    return this.updater.options;
  }

  run(inputs: InputValues | readonly InputValues[], shares?: readonly number[]): Promise<StepResult> {
    return this.queue.add(() => this.updater.update(inputs, shares, (update, arrays) => update(arrays)));
  }

  profile(
    inputs: InputValues | readonly InputValues[],
    shares?: readonly number[],
  ): Promise<{ result: StepResult; trace: ChromeTrace }> {
    if (!this.compiled) {
      return Promise.reject(
        new ConfigError('TrainingStep.profile: only a compiled step has a timeline; pass compile: true'),
      );
    }
    return this.queue.add(async () => {
      let trace: ChromeTrace = { traceEvents: [] };
      const result = await this.updater.update(inputs, shares, async (update, arrays) => {
        const profiled = await update.profile?.(arrays);
        trace = profiled?.trace ?? trace;
        return profiled?.outputs ?? {};
      });
      return { result, trace };
    });
  }

  async evaluate(inputs: InputValues): Promise<OutputTensors> {
    return toOutputs(await this.outputs(inputs));
  }

  outputs(inputs: InputValues): Promise<RawTensors> {
    return this.queue.add(() => this.forward.outputs(inputs));
  }

  async withAverage<T>(use: () => Promise<T>): Promise<T> {
    if (this.options.emaDecay === undefined)
      throw new ConfigError('withAverage: the step has no moving average; set emaDecay');
    const exchange = (): Promise<RawTensors> => this.queue.add(() => this.exchangeAverages({}));
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
      writeOptimizerState(dir, {
        ...this.updater.counts,
        options: this.options,
        names: [...shapes.keys()],
        shapeOf: (name) => shapes.get(name) ?? [],
        read,
        lossScale: this.variables.lossScale === null ? null : await readLossScale(read),
      });
    return this.queue.add(() => this.runner.lend(save));
  }

  loadState(dir: string): Promise<void> {
    return this.queue.add(async () => {
      const { step, skipped, options, lossScale } = await readOptimizerState(
        dir,
        this.options.optimizer,
        this.variables.savedShapes(),
        (name, value) => this.runner.write(name, value),
      );
      if (this.variables.lossScale !== null && lossScale !== null) {
        await this.runner.write(LOSS_SCALE, rawScalar(lossScale.scale));
        await this.runner.write(GOOD_STEPS, rawScalar(lossScale.goodSteps));
      }
      this.updater.restore({ step, skipped }, options);
    });
  }

  synchronise(): Promise<string> {
    return this.queue.add(async () => {
      const { workers } = this;
      if (workers === null) throw new ConfigError('TrainingStep.synchronise: the step has no workers');
      const variables = this.variables.all();
      const broadcast = this.runner.prepare(createBroadcast(variables, workers), 'broadcast');
      const { step, skipped } = this.updater.counts;
      const { counts } = await broadcast({
        counts: { dtype: 'float32', shape: [2], data: Float32Array.of(step, skipped) },
      });
      const [firstStep = NaN, firstSkipped = NaN] = counts?.data ?? [];
      this.updater.restore({ step: firstStep, skipped: firstSkipped });
      const checksum = await this.runner.lend((read) => checksumOf([...variables.keys()], read));
      return `${firstStep} ${firstSkipped} ${checksum}`;
    });
  }

  syncParameters(): Promise<void> {
    return this.queue.add(async () => undefined); // reading the variables then reads the session
  }

  lendParameters<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> {
    return this.queue.add(() => this.runner.lend(use));
  }

  dispose(): Promise<void> {
    return this.queue.end(async () => {
      await this.runner.dispose(); // when this fails, the step still holds the parameters
      this.model.holdParameters(null);
    });
  }
}

async function readLossScale(read: ReadTensor): Promise<SavedLossScale> {
  const scalar = async (name: string): Promise<number> => (await read(name)).data[0] ?? NaN;
  return { scale: await scalar(LOSS_SCALE), goodSteps: await scalar(GOOD_STEPS) };
}
