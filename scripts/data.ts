// `visualbert data`: checks and describes a file of own records, and converts files of other projects to such records. Seconds for a hundred thousand records.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import {
  convertRecords,
  counted,
  type Distribution,
  FOREIGN_FORMATS,
  type ForeignFormat,
  guessOwnTask,
  openRegionFeatures,
  OWN_EXAMPLES,
  OWN_TASKS,
  TASK_OPTIONS,
  ownDataStats,
  type OwnDataStats,
  approximateLength,
  type TextLimit,
  VisualBertProcessor,
} from '../src/node.js';
import { refuseUnused } from './flags/checks.js';
import { JSON_FLAG, outputFlag } from './flags/results.js';
import { flagsOf } from './flags/settings.js';
import { inFlags } from './flags/words.js';
import { checkSummary, problemLines } from './results/record-problems.js';

interface DataArguments {
  file: string;
  task?: (typeof OWN_TASKS)[number];
  features?: string[];
  model?: string;
  maxTextLength?: number;
  json: boolean;
}

interface ConvertArguments {
  files: string[];
  from: ForeignFormat;
  output: string;
  json: boolean;
}

const { maxTextLength } = TASK_OPTIONS.classification.shape;

const FORMAT = OWN_TASKS.map(
  (task) => `${task}:\n${OWN_EXAMPLES[task].map((record) => `  ${spacedJson(record)}`).join('\n')}`,
).join('\n');

/** JSON in one line with spaces between its parts, where the help breaks lines. */
function spacedJson(value: object): string {
  return JSON.stringify(value, null, 1).replace(/\n */g, ' ');
}

const shared = (yargs: Argv): Argv<DataArguments> =>
  yargs
    .positional('file', { type: 'string', demandOption: true, describe: 'JSON lines with one record each' })
    .options({
      task: { choices: OWN_TASKS, describe: 'default: inferred from the first record' },
      features: {
        type: 'string',
        array: true,
        describe: 'region features; images without features are reported as problems',
      },
      model: { type: 'string', describe: 'folder or hub id of the model whose tokenizer measures the texts' },
      ...flagsOf({ maxTextLength }),
      ...JSON_FLAG,
    })
    .example('$0 data check train.jsonl --features features.tsv --model uclanlp/visualbert-nlvr2-coco-pre', '')
    .epilogue(`Records, one per line:\n${FORMAT}`) as unknown as Argv<DataArguments>;

async function statsOf(flags: DataArguments): Promise<OwnDataStats> {
  const { file, features } = flags;
  const task = flags.task ?? (await guessOwnTask(file));
  const source = features === undefined ? null : await openRegionFeatures(features);
  try {
    return await ownDataStats(file, task, source, await textLimit(flags, task));
  } finally {
    await source?.close();
  }
}

/** The length of texts: a lower bound from their words, or exact with a model's tokenizer. */
async function textLimit({ model, maxTextLength: given }: DataArguments, task: string): Promise<TextLimit> {
  const longest = maxTextLength.parse(given);
  if (model === undefined) return { longest, lengthOf: approximateLength, isEstimate: true };
  const { tokenizer, maxLength } = await VisualBertProcessor.fromPretrained(model, { maxLength: longest });
  const special = task === 'answering' ? 4 : 2; // [CLS], [SEP]; a question ends in ? [MASK]
  return {
    longest: maxLength,
    isEstimate: false,
    lengthOf: async (text) => (await tokenizer.encode(text)).length + special,
  };
}

async function check(flags: ArgumentsCamelCase<DataArguments>): Promise<void> {
  const found = await statsOf(flags);
  const { problems, warnings, records, task, features } = found;
  const missing = features?.missing ?? [];
  if (flags.json) console.log(JSON.stringify({ task, records, problems, warnings, missing }, null, 2));
  else {
    const lines = [...problemLines(problems), ...problemLines(warnings, 'warning: ').map(inFlags)];
    console.log([...lines, ...(await otherTask(found, flags)), checkSummary(found)].join('\n'));
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** Suggests another task if the records do not match the requested one. */
async function otherTask({ task, problems }: OwnDataStats, { file, task: asked }: DataArguments): Promise<string[]> {
  if (asked === undefined || problems.length === 0) return []; // it was guessed
  const likely = await guessOwnTask(file);
  return likely === task
    ? []
    : [`the records look like those of ${likely}: visualbert data check ${file} --task ${likely}`];
}

async function stats(flags: ArgumentsCamelCase<DataArguments>): Promise<void> {
  if (!flags.json)
    refuseUnused(flags, ['model', 'maxTextLength'], 'this table, which has no warnings; add --json, or leave it out');
  const found = await statsOf(flags);
  if (flags.json) return console.log(JSON.stringify(found, null, 2));
  const spread = (values: Distribution | null): string =>
    values === null ? 'none' : `${values.min} to ${values.max}, median ${values.median}, 90th percentile ${values.p90}`;
  const labels = found.labels.slice(0, 20).map(([label, count]) => `  ${String(count).padStart(7)}  ${label}`);
  const { features } = found;
  const lines = [
    `${counted(found.records, `${found.task} record`)}, ${counted(found.problems.length, 'problem')} (visualbert data check lists them)`,
    `words per text: ${spread(found.words)}`,
    counted(found.images, 'image'),
    ...(features === null
      ? []
      : [
          `regions per image: ${spread(features.regions)}; width ${features.dim}; ${counted(features.missing.length, 'image')} without regions`,
        ]),
    `${counted(found.unlabelled, 'record')} without label, ${counted(found.labels.length, 'different label')}${labels.length === 0 ? '' : ':'}`,
    ...labels,
    ...(found.labels.length > labels.length ? [`  and ${found.labels.length - labels.length} more`] : []),
  ];
  console.log(lines.join('\n'));
}

async function convert({ files, from, output, json }: ArgumentsCamelCase<ConvertArguments>): Promise<void> {
  const { records, lines } = await convertRecords(from, files, output);
  const { task } = FOREIGN_FORMATS[from];
  if (json) return console.log(JSON.stringify({ task, records, lines, output }, null, 2));
  console.log(`${counted(records, 'record')} converted to ${counted(lines, 'line')} of the task ${task} in ${output}`);
}

const FROM = Object.keys(FOREIGN_FORMATS) as ForeignFormat[];

export const command: CommandModule = {
  command: 'data',
  describe: 'Check, describe and convert your own data',
  builder: (yargs: Argv) =>
    yargs
      .command('check <file>', 'Report the problems of each record', shared, check)
      .command('stats <file>', 'Show lengths, labels and missing features', shared, stats)
      .command(
        'convert <files..>',
        'Convert GQA, LXMERT or Visual Genome files to lines of own data',
        (inner) =>
          inner
            .positional('files', {
              type: 'string',
              array: true,
              demandOption: true,
              describe: 'JSON files (.json, .gz)',
            })
            .options({
              from: { choices: FROM, demandOption: true, describe: 'the layout of the files' },
              output: { ...outputFlag('JSON lines to write'), demandOption: true },
              ...JSON_FLAG,
            })
            .epilogue(
              FROM.map((name) => `${name} (${FOREIGN_FORMATS[name].task}): ${FOREIGN_FORMATS[name].describe}`).join(
                '\n',
              ),
            )
            .example(
              '$0 data convert train_balanced_questions.json --from gqa --output gqa_train.jsonl',
              '',
            ) as unknown as Argv<ConvertArguments>,
        convert,
      )
      .example('$0 data check train.jsonl --features features.tsv', 'report the problems of each record')
      .demandCommand(1, 'Expected a subcommand: check, stats or convert.'),
  handler: () => undefined,
};
