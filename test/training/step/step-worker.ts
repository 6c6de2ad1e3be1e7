// Trains a small model on reproducible batches, as one of several processes or alone, and returns the result.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { freePorts } from '../../../src/cluster/free-ports.js';
import { addressesOf } from '../../engine/session/cluster-worker.js';

/** What each worker is told. */
export interface StepPlan {
  addresses: readonly string[];
  /** Examples of a whole batch. */
  batchSize: number;
  steps: number;
  /** Probability of dropout. */
  dropout: number;
  /** Batches that make one update. */
  accumulation: number;
  options: Record<string, unknown>;
  wire: 'fp32' | 'bf16';
}

export interface StepEnd {
  losses: number[];
  norms: number[];
  parameters: Record<string, number[]>;
  checksum: string;
}

const PROGRAM = `
const dist = ${JSON.stringify(`file://${resolve('dist/src')}`)};
const { VisualBertConfig, VisualBertForQuestionAnswering } = await import(dist + '/node.js');
const { startServer } = await import(dist + '/engine/session/server.js');
const { createTrainingStep } = await import(dist + '/training/step/compiled-step.js');
const { uniformValues } = await import(dist + '/random/values.js');
const [worker, { addresses, batchSize, steps, dropout, accumulation, options, wire }] = JSON.parse(process.argv[1]);
const [t, v, d, c] = [5, 6, 8, 7];
const config = new VisualBertConfig({ vocabSize: 500, hiddenSize: 12, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 16,
  maxPositionEmbeddings: 16, visualEmbeddingDim: d, numLabels: c, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout });
const count = addresses.length;
const group = count === 1 ? null : { server: startServer({ addresses, worker }), count, sumTimeoutSeconds: 30, wire };
// Other workers begin with other weights, and must take over those of worker 0.
const model = new VisualBertForQuestionAnswering(config, { seed: 1 + worker });
const step = await createTrainingStep(model, { learningRate: 1e-3, totalSteps: steps, warmupSteps: 2, seed: 7, ...options }, group);
const checksum = group === null ? '' : await step.synchronise();
const own = batchSize / count;
/** Rows of the whole batch of this number that are this worker's. */
const batch = (number) => {
  const rows = (width, salt) => uniformValues(batchSize * width, number, 0, salt).subarray(worker * own * width, (worker + 1) * own * width);
  return {
    inputIds: { dtype: 'int32', shape: [own, t], data: Int32Array.from(rows(t, 1), (x) => Math.floor(x * 50)) },
    attentionMask: { dtype: 'int32', shape: [own, t], data: Int32Array.from(rows(t, 4), (x, i) => Number(i % t < 2 || x < 0.8)) },
    visualEmbeds: { dtype: 'float32', shape: [own, v, d], data: rows(v * d, 2).slice() },
    labels: { dtype: 'float32', shape: [own, c], data: rows(c, 3).slice() },
  };
};
const [losses, norms] = [[], []];
for (let i = 0; i < steps; i++) {
  const batches = Array.from({ length: accumulation }, (_, k) => batch(i * accumulation + k));
  const { loss, gradientNorm } = await step.run(batches, group === null ? undefined : batches.map(() => 1 / count / accumulation));
  losses.push(loss);
  norms.push(gradientNorm);
}
const parameters = Object.fromEntries([...(await model.stateDict())].map(([name, { data }]) => [name, [...data]]));
process.stdout.write(JSON.stringify({ losses, norms, parameters, checksum }));
process.exit(0);
`;

/** One worker in a process of its own. @throws Error with what it wrote to standard error */
async function runStepWorker(worker: number, plan: StepPlan): Promise<StepEnd> {
  const given = JSON.stringify([worker, plan]);
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, given], { stdio: 'pipe' });
  let [printed, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((settle) => child.once('close', settle));
  if (code !== 0) throw new Error(`worker ${worker} ended with ${String(code)}: ${errors}`);
  return JSON.parse(printed) as StepEnd;
}

/** All workers of a plan, by number. */
export function runStepWorkers(plan: StepPlan): Promise<StepEnd[]> {
  return Promise.all(plan.addresses.map((_, worker) => runStepWorker(worker, plan)));
}

/** Everything of an update that has to be right over workers. */
export const PLAN: Omit<StepPlan, 'addresses'> = {
  ...{ batchSize: 8, steps: 20, dropout: 0.1, accumulation: 1, wire: 'fp32' },
  options: { maxGradNorm: 0.5, emaDecay: 0.9, weightDecay: 0.01 },
};

/** The largest difference of losses, norms and parameters. */
export function distance(a: StepEnd, b: StepEnd): number {
  const flat = ({ losses, norms, parameters }: StepEnd): number[] => [
    ...losses,
    ...norms,
    ...Object.values(parameters).flat(),
  ];
  const others = flat(b);
  return flat(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (others[i] ?? NaN))), 0);
}

/** The same plan in one process and in several. */
export async function compareWorkers(
  workers: number,
  plan: Omit<StepPlan, 'addresses'>,
): Promise<{ ends: StepEnd[]; alone: StepEnd }> {
  const [alone] = await runStepWorkers({ ...plan, addresses: ['alone'] });
  const ends = await runStepWorkers({ ...plan, addresses: addressesOf(await freePorts(workers)) });
  return { ends, alone: alone as StepEnd };
}
