// visualbert inspect: lists the contents of a checkpoint and the class that loads it. Reads headers only.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { CHECKPOINT_ARGUMENT } from './flags/checkpoint.js';
import { JSON_FLAG } from './flags/results.js';
import { fold } from './terminal/help.js';
import { counted, inspectCheckpoint, type Inspection } from '../src/node.js';

interface InspectArguments {
  checkpoint: string;
  json: boolean;
  keys: boolean;
}

export const command: CommandModule<object, InspectArguments> = {
  command: 'inspect <checkpoint>',
  describe: 'Show the keys, shapes and dtypes of a checkpoint, its class, and what is missing',
  builder: (yargs: Argv) =>
    yargs
      .positional('checkpoint', CHECKPOINT_ARGUMENT)
      .options(JSON_FLAG)
      .option('keys', { type: 'boolean', default: true, describe: 'list every key (--no-keys: the summary only)' })
      .example('$0 inspect pytorch_model.bin', 'a table of its tensors and a summary')
      .example('$0 inspect uclanlp/visualbert-vqa --no-keys', 'the summary of a repository'),
  handler: async ({ checkpoint, json, keys }: ArgumentsCamelCase<InspectArguments>) => {
    const inspection = await inspectCheckpoint(checkpoint);
    const width = outputWidth();
    console.log(
      json
        ? JSON.stringify(inspection, null, 2)
        : [
            ...(keys ? table(inspection, width) : []),
            ...summary(inspection).flatMap((line) => fold(line, width, 0, SUMMARY_INDENT)),
          ].join('\n'),
    );
  },
};

/** Columns of the terminal: a pipe takes whole lines, unless COLUMNS asks for others. */
function outputWidth(): number {
  return Number(process.env.COLUMNS) || process.stdout.columns || Infinity;
}

/** Column at which the summary's texts begin, after their names. */
const SUMMARY_INDENT = 'loads as:  '.length;

/** A row for each tensor, on narrow terminals with the key above the rest. */
function table({ tensors }: Inspection, width: number): string[] {
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

function summary({
  source,
  format,
  layout,
  architecture,
  traits,
  missing,
  tensors,
  parameters,
  tensorBytes,
  fileBytes,
  metadata,
  wrappers,
  notes,
}: Inspection): string[] {
  const { hiddenSize, numHiddenLayers, vocabSize, visualEmbeddingDim, numLabels } = traits;
  const sizes = Object.entries({
    'hidden size': hiddenSize,
    layers: numHiddenLayers,
    vocabulary: vocabSize,
    'region features': visualEmbeddingDim,
    labels: numLabels,
  });
  const dtypes = [...new Set(tensors.map(({ dtype }) => dtype))].join(', ');
  return [
    `${source}: ${format}, ${counted(tensors.length, 'tensor')} of ${dtypes}, ${parameters.toLocaleString('en')} values, ${bytesText(tensorBytes)} of ${bytesText(fileBytes)}`,
    `names of:  ${layout ?? 'an unknown layout'}`,
    `loads as:  ${architecture ?? (layout === 'bert' || layout === 'roberta' ? 'initial weights for VisualBERT (visualbert convert)' : 'no class of this package')}`,
    `sizes:     ${sizes.flatMap(([name, size]) => (size === null ? [] : [`${name} ${size}`])).join(', ')}`,
    `missing:   ${missing.length === 0 ? 'nothing' : missing.join(', ')}`,
    ...wrappers.map((wrapper) => `wrapper:   ${wrapper}`),
    ...notes.map((note) => `note:      ${note}`),
    ...Object.entries(metadata).map(([key, value]) => `${key}: ${value}`),
  ];
}

function bytesText(bytes: number): string {
  const unit = [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'KB'],
  ].find(([size]) => bytes >= Number(size));
  return unit === undefined ? `${bytes} B` : `${(bytes / Number(unit[0])).toFixed(1)} ${unit[1]}`;
}
