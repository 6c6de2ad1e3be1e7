// Evaluations that several machines share: each keeps the model's outputs for its part of the batches, and a merge judges them all.
import { crc32 } from 'node:zlib';
import { ConfigError, DataError } from '../errors.js';
import { locateModel } from '../models/pretrained/open-weights.js';
import { requireOptions, requirePaths } from '../options.js';
import type { RawTensors } from '../raw-tensor.js';
import { inShardOrder, type Shard } from '../shard.js';
import { openTask } from '../tasks/open-task.js';
import { evaluateTask } from '../training/loop/evaluate.js';
import {
  batchSizeOf,
  EVALUATION_SEED,
  type EvaluateRunOptions,
  judgeOutputs,
  type RunEvaluation,
  withOpenedRun,
} from './evaluate.js';
import { type EvaluationPart, openPart, outputsOf, type PartTraits, writePart } from './shard-file.js';

/** What `evaluateShard` takes: an evaluation, which part of it, and where the outputs go. */
export interface EvaluateShardOptions extends EvaluateRunOptions {
  shard: Shard;
  /** The file of the part, for `mergeEvaluations`. */
  output: string;
}

/**
 * Runs a part of an evaluation's batches, as `evaluateRun` would run them, and writes the model's outputs.
 * @returns how many examples the part has.
 * @throws ConfigError, DataError for settings, data or a shard that do not fit
 */
export async function evaluateShard(options: EvaluateShardOptions): Promise<Pick<RunEvaluation, 'count' | 'leftOut'>> {
  requireOptions('evaluateShard', options);
  const { task, model: source, data, purpose, precision = 'fp32', shard, output, onBatch } = options;
  const batchSize = batchSizeOf(options);
  const checksum = await weightsChecksum(source);
  return withOpenedRun(options, async (opened, forward) => {
    const batches: RawTensors[] = [];
    let count = 0;
    await evaluateTask({
      ...{ task: opened.task, dataset: opened.data, batchSize, seed: EVALUATION_SEED, shard },
      outputs: (inputs) => forward.outputs(inputs),
      padBatches: forward.compiled,
      hasLabels: false,
      onBatch: (examples, outputs) => {
        batches.push(outputs);
        onBatch?.((count += examples.length), Math.ceil(opened.data.length / shard.count));
      },
    });
    const { fingerprint } = opened.data;
    const settings = { task, model: source, data, purpose, batchSize, precision };
    await writePart(output, batches, { ...settings, fingerprint, checksum, batches: batches.length, shard });
    return { count, leftOut: opened.leftOut };
  });
}

/** What a merge gives: an evaluation, and what was evaluated. */
export interface MergedEvaluation extends RunEvaluation, Pick<EvaluateRunOptions, 'task' | 'model' | 'purpose'> {}

/**
 * Judges the outputs of all parts, in any order: metrics and predictions are those of one evaluation, to the bit. The examples are read again.
 * @param output where to write the predictions as the evaluation server takes them.
 * @throws ConfigError when a part is missing or there twice, or predictions have no `output`; DataError for a file that is no part, or parts of different evaluations
 */
export async function mergeEvaluations(
  paths: readonly string[],
  options: Pick<EvaluateRunOptions, 'output' | 'onBatch'> = {},
): Promise<MergedEvaluation> {
  requireOptions('mergeEvaluations', options);
  const all = requirePaths('mergeEvaluations', paths);
  const { output, onBatch } = options;
  const opened: EvaluationPart[] = [];
  try {
    for (const path of all) opened.push(await openPart(path));
    const parts = inShardOrder(opened, ({ traits }) => traits.shard);
    const [first] = parts as [EvaluationPart];
    for (const part of parts) requireSameEvaluation(part, first);
    const { task, model, data, purpose, batchSize } = first.traits;
    if (purpose === 'predict' && output === undefined)
      throw new ConfigError('output: the parts hold predictions; name the file to write');
    const examples = await openTask(task, data, { purpose, model });
    try {
      if (examples.data.fingerprint !== first.traits.fingerprint)
        throw new DataError(`${first.name}: its examples are no longer those in the files that it names; evaluate again`);
      const stored = outputsOf(parts);
      const evaluation = await judgeOutputs(
        examples,
        { compiled: false, outputs: async () => (await stored.next()).value as RawTensors },
        { purpose, batchSize, ...(output !== undefined && { output }), ...(onBatch !== undefined && { onBatch }) },
      );
      return { ...evaluation, task, model, purpose };
    } finally {
      await examples.close();
    }
  } finally {
    await Promise.all(opened.map(({ file }) => file.close()));
  }
}

/** @throws DataError when two parts are of different evaluations */
function requireSameEvaluation({ name, traits }: EvaluationPart, first: EvaluationPart): void {
  const common = ({ shard: _, batches: __, ...rest }: PartTraits): Record<string, unknown> => rest;
  const [here, there] = [common(traits), common(first.traits)];
  const differs = Object.keys(here).filter((key) => JSON.stringify(here[key]) !== JSON.stringify(there[key]));
  if (differs.length === 0) return;
  const text = (values: Record<string, unknown>): string =>
    differs.map((key) => `${key} ${JSON.stringify(values[key])}`).join(', ');
  throw new DataError(`${name}: is of another evaluation than ${first.name}: ${text(here)}, there ${text(there)}`);
}

/** CRC-32 of a model's weights, in the order of their names. */
async function weightsChecksum(where: string): Promise<number> {
  const file = await (await locateModel(where, {})).open();
  try {
    let checksum = 0;
    for (const name of [...file.tensors.keys()].sort()) checksum = crc32(await file.readBytes(name), checksum);
    return checksum;
  } finally {
    await file.close();
  }
}
