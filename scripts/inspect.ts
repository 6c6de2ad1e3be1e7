// visualbert inspect: lists the contents of a checkpoint and the class that loads it, or of a region detector. Reads headers only.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { CHECKPOINT_ARGUMENT } from './flags/checkpoint.js';
import { JSON_FLAG } from './flags/results.js';
import { bytesText, checkpointSummary, detectorSummary, SUMMARY_INDENT } from './results/inspection.js';
import { fold, pageWidth } from './terminal/help.js';
import { inspectCheckpoint, inspectDetector, type InspectedFile } from '../src/node.js';

interface InspectArguments {
  checkpoint: string;
  json: boolean;
  keys: boolean;
}

export const command: CommandModule<object, InspectArguments> = {
  command: 'inspect <checkpoint>',
  describe: 'Show the keys, shapes and dtypes of a checkpoint or detector, its class or settings, and what is missing',
  builder: (yargs: Argv) =>
    yargs
      .positional('checkpoint', CHECKPOINT_ARGUMENT)
      .options(JSON_FLAG)
      .option('keys', { type: 'boolean', default: true, describe: 'list every key (--no-keys: the summary only)' })
      .example('$0 inspect pytorch_model.bin', 'a table of its tensors and a summary')
      .example('$0 inspect uclanlp/visualbert-vqa --no-keys', 'the summary of a repository'),
  handler: async ({ checkpoint, json, keys }: ArgumentsCamelCase<InspectArguments>) => {
    const detector = await inspectDetector(checkpoint);
    const inspection = detector ?? (await inspectCheckpoint(checkpoint));
    if (json) {
      console.log(JSON.stringify(inspection, null, 2));
      return;
    }
    const width = pageWidth();
    const summary = 'candidates' in inspection ? detectorSummary(inspection) : checkpointSummary(inspection);
    const lines = summary.flatMap((line) => fold(line, width, 0, SUMMARY_INDENT));
    console.log([...(keys ? table(inspection, width) : []), ...lines].join('\n'));
  },
};

/** A row for each tensor, on narrow terminals with the key above the rest. */
function table({ tensors }: InspectedFile, width: number): string[] {
  const rows = tensors.map(({ key, dtype, shape, bytes, meaning }) => [
    key,
    dtype,
    `[${shape.join(', ')}]`,
    bytesText(bytes),
    meaning === key ? '' : meaning,
  ]);
  const columns = [['key', 'dtype', 'shape', 'size', 'parameter'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...columns.map((row) => row[column]?.length ?? 0)));
  const padded = (row: readonly string[]): string => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ');
  const lines = columns.map((row) => padded(row).trimEnd());
  if (Math.max(...lines.map(({ length }) => length)) <= width) return [...lines, ''];
  const below = ([key = '', ...cells]: readonly string[]): string[] => [
    key,
    ...fold(cells.filter((cell) => cell !== '').join('  '), width, 4, 4),
  ];
  return [...columns.flatMap(below), ''];
}
