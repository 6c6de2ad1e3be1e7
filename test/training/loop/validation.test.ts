// An evaluation shared by several workers, all in this process: the same metrics, notes and stops as in one process.
import { describe, expect, test } from '@jest/globals';
import { openCoordinator } from '../../../src/cluster/coordinator.js';
import { openMember } from '../../../src/cluster/member.js';
import { type Cluster } from '../../../src/cluster/contract.js';
import { freePorts } from '../../../src/cluster/free-ports.js';
import { type RawTensors } from '../../../src/raw-tensor.js';
import { uniformValues } from '../../../src/random/values.js';
import { type RunContext } from '../../../src/training/loop/run-context.js';
import { type Validated, Validation } from '../../../src/training/loop/validation.js';
import { type Task } from '../../../src/evaluation/task.js';
import { judgingMetric } from '../../../src/tasks/shared/metric.js';
import { type Point, points, pointTask } from '../../helpers/tiny-task.js';

const EXAMPLES = points(23, 5);

/** Sums in float64 whose result depends on their order. */
const sumTask: Task<Point> = {
  ...pointTask,
  createMetric: () => {
    let sum = 0;
    return judgingMetric<Point, number>({
      judge: (examples, { logits }) =>
        examples.map(({ x: [a = 0] }, i) => a / ((logits?.data[3 * i] as number) + 1e-3)),
      add: (judged) => judged.forEach((value) => (sum += value)),
      compute: () => ({ accuracy: sum }),
    });
  },
};

/** Outputs that depend on the batch alone. */
async function outputs({ x }: RawTensors): Promise<RawTensors> {
  const rows = x?.shape[0] ?? 0;
  const seed = Math.round(1000 * Math.abs(x?.data[0] ?? 0));
  return {
    logits: { dtype: 'float32', shape: [rows, 3], data: uniformValues(3 * rows, seed, 0, 1) },
    loss: { dtype: 'float32', shape: [], data: uniformValues(1, seed, 0, 2) },
  };
}

async function clusterOf(count: number): Promise<Cluster[]> {
  const addresses = (await freePorts(count)).map((port) => `127.0.0.1:${port}`);
  const channels = addresses.map((_, worker) =>
    (worker === 0 ? openCoordinator : openMember)({ addresses, worker, timeoutSeconds: 20, identity: {} }),
  );
  return (await Promise.all(channels)).map((channel, worker) => ({
    ...channel,
    ...{ server: { target: '', worker }, count, sumTimeoutSeconds: 20, wire: 'fp32' as const },
  }));
}

interface Evaluated extends Validated {
  notes: string[];
  batches: number;
}

/** @param stopAt a worker and how many batches it makes before it is asked to stop */
async function evaluate(task: Task<Point>, cluster: Cluster | null, stopAt = [-1, 0]): Promise<Evaluated> {
  let batches = 0;
  const notes: string[] = [];
  const isStopped = (): boolean => stopAt[0] === cluster?.server.worker && batches >= (stopAt[1] ?? 0);
  const run = {
    ...{ task, cluster, arguments: { batchSize: 4, seed: 0, step: {} } },
    trainingStep: {
      step: 7,
      compiled: false,
      outputs: (inputs: RawTensors) => outputs(inputs).finally(() => batches++),
    },
    signals: {
      get received() {
        return isStopped() ? 'SIGTERM' : null;
      },
    },
  } as unknown as RunContext<Point>;
  const validation = new Validation(run, EXAMPLES);
  const result = await validation.evaluate((found) =>
    notes.push(...found.map(({ text, expected }) => text + expected)),
  );
  return { ...result, notes, batches };
}

describe('an evaluation of several workers', () => {
  test.each([2, 3, 7])('gives worker 0 of %i the metrics and notes of one process, to the bit', async (count) => {
    const alone = await evaluate(sumTask, null);
    expect(alone.batches).toBe(6);
    const cluster = await clusterOf(count);
    const [first, ...others] = await Promise.all(cluster.map((one) => evaluate(sumTask, one)));
    expect(first?.metrics).toEqual(alone.metrics);
    expect(Object.keys(alone.metrics ?? {})).toEqual(['loss', 'accuracy']);
    expect(first?.notes).toEqual(alone.notes);
    expect(first?.batches).toBe(Math.ceil(6 / count));
    expect((first?.batches ?? 0) + others.reduce((sum, { batches }) => sum + batches, 0)).toBe(6);
    for (const { metrics, notes } of others) expect([metrics, notes]).toEqual([{}, []]);
    for (const one of cluster) one.leave();
  });

  test('is made by worker 0 alone where the metric cannot be shared', async () => {
    const alone = await evaluate(pointTask, null);
    const cluster = await clusterOf(2);
    const [first, second] = await Promise.all(cluster.map((one) => evaluate(pointTask, one)));
    expect(first).toEqual(alone);
    expect(second).toEqual({ metrics: {}, stoppedBy: null, notes: [], batches: 0 });
    for (const one of cluster) one.leave();
  });

  test('ends on all workers when one is asked to stop', async () => {
    const cluster = await clusterOf(3);
    const results = await Promise.all(cluster.map((one) => evaluate(sumTask, one, [1, 1])));
    for (const { metrics, stoppedBy, batches } of results)
      expect({ metrics, stoppedBy, batches }).toEqual({ metrics: null, stoppedBy: 'SIGTERM', batches: 1 });
    for (const one of cluster) one.leave();
  });
});
