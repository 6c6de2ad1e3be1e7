// The updates of a model's parameters: their count and rate, and one prepared function for each role of a batch in its update.
import { ConfigError } from '../../errors.js';
import { type RawTensors } from '../../raw-tensor.js';
import { type StepResult } from './contract.js';
import { FunctionCache } from '../../inference/function-cache.js';
import { readInputs } from '../../inference/arrays.js';
import { createUpdateRule, type UpdateRule } from './optimizer.js';
import { type SavedOptions } from './optimizer-state.js';
import { type ResolvedStepOptions } from './options.js';
import { type RunFunction, type Runner } from '../../inference/runner.js';
import { createSchedule } from './schedule.js';
import { type StepVariables } from './step-variables.js';
import type { TrainableModel } from './trainable-model.js';
import type { InputValues } from '../../inference/runnable-model.js';
import { fedFunction, fedInputs } from './update/feeds.js';
import { type Summed } from './update/gradients.js';
import { createUpdate, type UpdateOptions } from './update/update.js';
import { type WorkerGroup } from './worker-group.js';

/** The role of a batch in its update, on which the update's function depends. */
interface BatchRole {
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
export interface Counts {
  step: number;
  skipped: number;
}

/** Makes the updates of a step, one at a time: an update reads the counts that the one before has written. */
export class Updater {
  private currentCounts: Counts = { step: 0, skipped: 0 };
  private optimization: Optimization;
  private readonly functions: FunctionCache<BatchRole, RunFunction>;

  constructor(
    private readonly model: TrainableModel,
    options: ResolvedStepOptions,
    private readonly runner: Runner,
    private readonly workers: WorkerGroup | null,
    private readonly variables: StepVariables,
  ) {
    this.optimization = optimizationOf(options);
    this.functions = new FunctionCache(isSameRole, (role) => this.prepareUpdate(role));
  }

  get options(): ResolvedStepOptions {
    return this.optimization.options;
  }

  /** The updates made so far, those of a saved state included. */
  get counts(): Readonly<Counts> {
    return this.currentCounts;
  }

  /** Goes on from the counts of a saved state or another worker, and from saved options. */
  restore(counts: Counts, saved: SavedOptions = this.options): void {
    const { beta1, beta2, epsilon } = this.options;
    this.currentCounts = counts;
    this.optimization = optimizationOf({ ...this.options, ...saved });
    if (saved.beta1 !== beta1 || saved.beta2 !== beta2 || saved.epsilon !== epsilon) this.functions.clear();
  }

  /** One update; `runLast` runs its last or only batch. @throws ConfigError for no examples, or no shares with several workers */
  async update(
    inputs: InputValues | readonly InputValues[],
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
    const { workers } = this;
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
      const update = this.functions.get({ isOnly: batches.length === 1, isLast, earlier: new Set(summed) });
      const draw = step * batches.length + index;
      const dropoutKey = [options.seed, draw, ...(workers === null ? [] : [workers.server.worker])];
      const fed = fedInputs(arrays, { ...scalars, dropoutKey, share });
      end = await (isLast ? runLast(update, fed) : update(fed));
      loss += (workers === null ? share : 1) * numberOf(end, 'loss'); // already weighted and summed over workers
      end['summed']?.data.forEach((flag, parameter) => flag === 1 && summed.add(names[parameter] as string));
    }
    const gradientNorm = numberOf(end, 'gradientNorm');
    const isSkipped = this.skipsNonFinite && !Number.isFinite(numberOf(end, 'loss') + gradientNorm);
    this.currentCounts = { step: step + 1, skipped: skipped + Number(isSkipped) };
    const scale = this.variables.lossScale === null ? {} : { lossScale: numberOf(end, 'lossScale') };
    return { loss, gradientNorm, learningRate: rate, ...scale };
  }

  private prepareUpdate({ isOnly, isLast, earlier }: BatchRole): RunFunction {
    const accumulation = isOnly ? null : { sums: this.variables.accumulators(), earlier, isLast };
    const { maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing } = this.options;
    const { rule } = this.optimization;
    const { parameters, lossScale } = this.variables;
    const { workers } = this;
    const options: UpdateOptions = {
      ...{ rule, lossScale, workers, maxGradNorm, emaDecay, skipNonFinite, gradientCheckpointing, labelSmoothing },
    };
    return this.runner.prepare(
      fedFunction(createUpdate(this.model, parameters, options, accumulation)),
      isOnly ? 'train' : isLast ? 'train-last' : 'train-part',
    );
  }

  private get skipsNonFinite(): boolean {
    return this.options.skipNonFinite || this.variables.lossScale !== null;
  }
}

function optimizationOf(options: ResolvedStepOptions): Optimization {
  return { options, schedule: createSchedule(options), rule: createUpdateRule(options.optimizer, options) };
}

function isSameRole(a: BatchRole, b: BatchRole): boolean {
  const isSameSet = a.earlier.size === b.earlier.size && [...a.earlier].every((name) => b.earlier.has(name));
  return a.isOnly === b.isOnly && a.isLast === b.isLast && isSameSet;
}

function isList(inputs: InputValues | readonly InputValues[]): inputs is readonly InputValues[] {
  return Array.isArray(inputs);
}

function numberOf(outputs: RawTensors, name: string): number {
  return outputs[name]?.data[0] ?? NaN;
}
