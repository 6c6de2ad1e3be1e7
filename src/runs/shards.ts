// Evaluations on several machines: each stores the model's outputs for its part of the batches, and a merge computes the metrics.
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { ConfigError, DataError } from '../errors.js';
import { locateModel } from '../models/pretrained/open-weights.js';
import { differingNames, isTable, parseOptions, requirePaths, shown, text } from '../options.js';
import type { RawTensors } from '../raw-tensor.js';
import { inShardOrder, type Shard } from '../shard.js';
import { openTask } from '../tasks/open-task.js';
import { evaluateTask } from '../evaluation/evaluate.js';
import {
  EVALUATION_SEED,
  type EvaluateRunOptions,
  evaluateRunSchema,
  judgeOutputs,
  type RunEvaluation,
  withOpenedRun,
} from './evaluate.js';
import { type EvaluationPart, openPart, outputsOf, type PartTraits, writePart } from './shard-file.js';

/** Options of `evaluateShard`: an evaluation, the part of it, and the output file. */
export interface EvaluateShardOptions extends EvaluateRunOptions {
  shard: Shard;
  /** The file of the part, for `mergeEvaluations`. */
  output: string;
}

const evaluateShardSchema = evaluateRunSchema.extend({ shard: z.custom<Shard>(), output: text('a path') });

/**
 * Runs a part of an evaluation's batches, as `evaluateRun` would run them, and writes the model's outputs.
 * @returns the number of examples in the part.
 * @throws ConfigError, DataError for invalid settings, data or shard
 * @example
 * const data = { data: 'mine.jsonl', features: 'features.vbf' };
 * const evaluation = { task: 'answering', model: 'runs/vqa', data, purpose: 'evaluate', batchSize: 1 };
 * await evaluateShard({ ...evaluation, shard: { index: 1, count: 2 }, output: 'part-1.safetensors' });
 */
export async function evaluateShard(options: EvaluateShardOptions): Promise<Pick<RunEvaluation, 'count' | 'leftOut'>> {
  const resolved = parseOptions('evaluateShard', evaluateShardSchema, options);
  const { task, model: source, data, purpose, precision, batchSize, shard, output, onBatch } = resolved;
  const checksum = await weightsChecksum(source);
  return withOpenedRun(resolved, async (opened, forward) => {
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

/** The result of a merge: an evaluation, and its task, model and purpose. */
export interface MergedEvaluation extends RunEvaluation, Pick<EvaluateRunOptions, 'task' | 'model' | 'purpose'> {}

const mergeSchema = evaluateRunSchema.pick({ output: true, onBatch: true });

/**
 * Merges the outputs of all parts, in any order: metrics and predictions equal those of one evaluation, bit for bit. Examples are read again.
 * @param options `output`: file for the predictions, in the evaluation server's format.
 * @throws ConfigError when a part is missing or given twice, or predictions have no `output`; DataError for a file that is not a part, or parts of different evaluations
 * @example
 * const data = { data: 'mine.jsonl', features: 'features.vbf' };
 * const evaluation = { task: 'answering', model: 'runs/vqa', data, purpose: 'evaluate', batchSize: 1 };
 * const parts = ['part-1.safetensors', 'part-2.safetensors'];
 * for (const [i, output] of parts.entries()) await evaluateShard({ ...evaluation, shard: { index: i + 1, count: 2 }, output });
 * const { count, metrics } = await mergeEvaluations(parts);
 */
export async function mergeEvaluations(
  paths: readonly string[],
  options: Pick<EvaluateRunOptions, 'output' | 'onBatch'> = {},
): Promise<MergedEvaluation> {
  const { output, onBatch } = parseOptions('mergeEvaluations', mergeSchema, options);
  const all = requirePaths('mergeEvaluations', paths);
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
        throw new DataError(`${first.name}: its examples have changed since; evaluate again`);
      const stored = outputsOf(parts);
      const evaluation = await judgeOutputs(
        examples,
        { compiled: false, outputs: async () => (await stored.next()).value as RawTensors },
        { purpose, batchSize, output, onBatch },
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
  const differing = differences(common(traits), common(first.traits));
  if (differing.length === 0) return;
  throw new DataError(`${name}: is of another evaluation than ${first.name}: ${differing.join('; ')}`);
}

/** What differs between two tables, one text for each name, inside of inner tables too: `data.features is "a", there "b"`. */
function differences(here: Record<string, unknown>, there: Record<string, unknown>, prefix = ''): string[] {
  return differingNames(here, there).flatMap((name) => {
    const [own, other] = [here[name], there[name]];
    return isTable(own) && isTable(other)
      ? differences(own, other, `${prefix}${name}.`)
      : [`${prefix}${name} is ${shown(own)}, there ${shown(other)}`];
  });
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
