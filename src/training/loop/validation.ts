// The validation examples of a run: one process evaluates them, or several workers share them batch by batch.
import { type Cluster } from '../../cluster/contract.js';
import { type Buckets } from '../../processing/batch.js';
import { type Dataset, type ExampleNote, type Metric } from '../../evaluation/task.js';
import { evaluationBatches } from '../../evaluation/data-order.js';
import {
  evaluateBatches,
  type EvaluatedBatch,
  type EvaluateOptions,
  evaluateTask,
  evaluationBuckets,
  LossMean,
} from '../../evaluation/evaluate.js';
import { fromText, toText } from './json-numbers.js';
import { type RunContext } from './run-context.js';
import { type EndReason } from './trainer-options.js';

/** The result of an evaluation. */
export interface Validated {
  /** Null when it was stopped; of workers other than worker 0 empty. */
  metrics: Record<string, number> | null;
  /** Why all workers stopped it; null: they did not. */
  stoppedBy: EndReason | null;
}

/** The results of a worker for one batch. */
interface Part {
  judged: readonly unknown[];
  notes: readonly ExampleNote[];
  loss: number | null;
  count: number;
}

type SharedMetric<E> = Metric<E> & Required<Pick<Metric<E>, 'judge' | 'add'>>;

/** Evaluates the validation examples with the weights of a step, or their average where one is kept. */
export class Validation<E> {
  /** Fitted at the first evaluation. */
  private buckets: Buckets | null = null;

  constructor(
    private readonly run: Pick<RunContext<E>, 'task' | 'trainingStep' | 'signals' | 'arguments' | 'cluster'>,
    private readonly dataset: Dataset<E>,
  ) {}

  /** One evaluation. With several workers all have to call it after the same step. @param onNotes takes what reports say of the examples, in order */
  async evaluate(onNotes: (notes: readonly ExampleNote[]) => void): Promise<Validated> {
    const { trainingStep, task, cluster, arguments: given } = this.run;
    const metric = cluster === null ? null : sharedMetric(task.createMetric());
    if (cluster !== null && metric === null && cluster.server.worker > 0) return { metrics: {}, stoppedBy: null };
    const compute = async (): Promise<Validated> => {
      const options = await this.options();
      return cluster === null || metric === null
        ? this.alone(options, onNotes)
        : this.together(options, cluster, metric, onNotes);
    };
    return given.step.emaDecay === undefined ? compute() : trainingStep.withAverage(compute);
  }

  private async options(): Promise<EvaluateOptions<E>> {
    const { trainingStep, task, arguments: given } = this.run;
    const batchSize = given.evaluationBatchSize ?? given.batchSize;
    const evaluation = { task, dataset: this.dataset, batchSize, seed: given.seed, padBatches: trainingStep.compiled };
    this.buckets ??= await evaluationBuckets(evaluation);
    return { ...evaluation, buckets: this.buckets, outputs: (inputs) => trainingStep.outputs(inputs) };
  }

  private async alone(
    options: EvaluateOptions<E>,
    onNotes: (notes: readonly ExampleNote[]) => void,
  ): Promise<Validated> {
    const { signals, task } = this.run;
    const metrics = await evaluateTask({
      ...options,
      isStopped: () => signals.received !== null,
      onBatch: (examples, outputs) => onNotes(task.describe?.(examples, outputs) ?? []),
    });
    return { metrics, stoppedBy: null };
  }

  /** Each worker runs every n-th batch; worker 0 adds up what all found, in the order of the batches, so that sums are those of one process. */
  private async together(
    options: EvaluateOptions<E>,
    cluster: Cluster,
    metric: SharedMetric<E>,
    onNotes: (notes: readonly ExampleNote[]) => void,
  ): Promise<Validated> {
    const { signals, trainingStep } = this.run;
    const { count, server } = cluster;
    const batches = evaluationBatches(options.dataset, options.batchSize);
    const own = evaluateBatches(
      options,
      batches.filter((_, i) => i % count === server.worker),
    );
    const loss = new LossMean();
    try {
      for (let first = 0; first < batches.length; first += count) {
        const name = `evaluation after step ${trainingStep.step}, batch ${first}`;
        const reasons = await cluster.exchange<EndReason | null>(`to go on with ${name}`, signals.received);
        const stoppedBy = reasons.find((reason) => reason !== null) ?? null;
        if (stoppedBy !== null) return { metrics: null, stoppedBy };
        const { value } = await own.next();
        const part = value === undefined ? null : toText(this.part(value, metric));
        for (const text of await cluster.gather(name, part)) {
          if (text === null) continue;
          const found = fromText(text) as Part;
          metric.add(found.judged);
          loss.add(found.loss, found.count);
          onNotes(found.notes);
        }
      }
    } finally {
      await own.return();
    }
    return { metrics: server.worker === 0 ? { ...loss.metrics(), ...metric.compute() } : {}, stoppedBy: null };
  }

  private part({ examples, outputs, loss }: EvaluatedBatch<E>, metric: SharedMetric<E>): Part {
    const notes = this.run.task.describe?.(examples, outputs) ?? [];
    return { judged: metric.judge(examples, outputs), notes, loss, count: examples.length };
  }
}

function sharedMetric<E>(metric: Metric<E>): SharedMetric<E> | null {
  return metric.judge === undefined || metric.add === undefined ? null : (metric as SharedMetric<E>);
}
