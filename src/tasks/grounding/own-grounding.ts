// Grounding of own JSON lines: sentences with phrases and boxes.
import { readOwnRecords } from '../../records/own.js';
import { readAll, readSplits } from '../shared/datasets.js';
import { requireLabels } from '../shared/labels.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { GroundingOptions } from '../shared/options.js';
import { type GroundingExample, openPhrases, sentenceName } from './grounding.js';

/** Opens own sentences with phrases and boxes. @throws ConfigError when required boxes are missing. */
export async function openGrounding(
  options: GroundingOptions,
  context: TaskContext,
): Promise<OpenedTask<GroundingExample>> {
  const splits = await readSplits(
    (paths) => readAll(paths, (path) => readOwnRecords('grounding', path)),
    options.data,
    options.validationData,
  );
  requireLabels(splits.records, {
    task: 'grounding',
    purpose: context.purpose,
    what: 'boxes of every phrase',
    isLabelled: ({ phrases }) => phrases.every(({ boxes }) => boxes.length > 0),
    name: sentenceName,
  });
  return openPhrases('grounding', splits, options, context);
}
