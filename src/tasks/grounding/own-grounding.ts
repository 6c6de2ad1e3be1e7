// Grounding of own JSON lines: sentences with phrases and boxes.
import { ConfigError } from '../../errors.js';
import { readOwnRecords } from '../../records/own.js';
import { readAll, readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { GroundingOptions } from '../shared/options.js';
import { type GroundingExample, openPhrases } from './grounding.js';

/** Opens own sentences with phrases and boxes. @throws ConfigError when boxes are lacking where they are needed. */
export async function openGrounding(
  options: GroundingOptions,
  context: TaskContext,
): Promise<OpenedTask<GroundingExample>> {
  const splits = await readSplits(
    (paths) => readAll(paths, (path) => readOwnRecords('grounding', path)),
    options.data,
    options.validationData,
  );
  const bare = splits.records.find(({ phrases }) => phrases.some(({ boxes }) => boxes.length === 0));
  if (context.purpose !== 'predict' && bare !== undefined) {
    throw new ConfigError(
      `task grounding: to ${context.purpose}, every phrase needs boxes; one of ${bare.id} has none`,
    );
  }
  return openPhrases('grounding', splits, options, context);
}
