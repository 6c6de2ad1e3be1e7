// What must be equal when a run resumes, besides the trainer's arguments: the options and content of examples, and the model's configuration.
import { createHash } from 'node:crypto';
import type { VisualBertConfig } from '../config/config.js';
import { chunk } from '../lists.js';
import { evenSample, readBatch } from '../evaluation/read-batch.js';
import type { Dataset, Task } from '../evaluation/task.js';
import { optionRole, resolveTaskOptions } from '../tasks/shared/options.js';
import { predictionOptions, type RunSettings } from './settings.js';
import { fingerprintOf } from '../tasks/shared/fingerprint.js';

/** Number of examples whose inputs are compared: all of a small data set, a quick sample of a large one. */
const SAMPLED = 64;
const BATCH = 8;

/** The settings by name, defaults filled in; lists and tables as a hash. */
export function fixedSettingsOf(
  { task, data }: Pick<RunSettings, 'task' | 'data'>,
  { extra: _, ...config }: VisualBertConfig,
): Record<string, unknown> {
  const options = Object.entries(predictionOptions(resolveTaskOptions(task, data)));
  const fields = [...options.filter(([name]) => optionRole(name).variesByStart !== true), ...Object.entries(config)];
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      typeof value === 'object' && value !== null ? fingerprintOf([JSON.stringify(value)]) : value,
    ]),
  );
}

/**
 * The data set with a fingerprint that includes the model inputs of a sample of its examples:
 * features, vocabulary and classes may change while the records do not.
 * @throws DataError for examples that cannot be read
 */
export async function withSample<E>(dataset: Dataset<E>, task: Task<E>, seed: number): Promise<Dataset<E>> {
  const hash = createHash('sha256').update(dataset.fingerprint);
  for (const indices of chunk(evenSample(dataset.length, SAMPLED), BATCH)) {
    const { batch } = await readBatch(task, dataset, indices, { seed, epoch: 0, training: false });
    for (const [name, { dtype, shape, data }] of Object.entries(batch.inputs)) {
      hash.update(`${name} ${dtype} ${shape.join()}`);
      hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  return { ...dataset, fingerprint: hash.digest('hex').slice(0, 16) };
}
