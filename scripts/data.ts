// `visualbert data`: checks and describes a file of one's own records, and makes such files of other projects' ones. Seconds for a hundred thousand records.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import {
  convertRecords,
  type Distribution,
  FOREIGN_FORMATS,
  type ForeignFormat,
  guessOwnTask,
  openRegionFeatures,
  OWN_EXAMPLES,
  OWN_TASKS,
  ownDataStats,
  type OwnDataStats,
} from '../src/node.js';

interface DataArguments {
  file: string;
  task?: (typeof OWN_TASKS)[number];
  features?: string[];
  json: boolean;
}

interface ConvertArguments {
  files: string[];
  from: ForeignFormat;
  output: string;
}

const FORMAT = OWN_TASKS.map(
  (task) => `${task}:\n${OWN_EXAMPLES[task].map((record) => `  ${JSON.stringify(record)}`).join('\n')}`,
).join('\n');

const shared = (yargs: Argv): Argv<DataArguments> =>
  yargs
    .positional('file', { type: 'string', demandOption: true, describe: 'JSON lines, one record each' })
    .options({
      task: { choices: OWN_TASKS, describe: 'default: as the first record looks' },
      features: { type: 'string', array: true, describe: 'region features, to find images without any' },
      json: { type: 'boolean', default: false, describe: 'print as JSON' },
    })
    .epilogue(`Records, one a line:\n${FORMAT}`) as unknown as Argv<DataArguments>;

async function statsOf({ file, task, features }: DataArguments): Promise<OwnDataStats> {
  const source = features === undefined ? null : await openRegionFeatures(features);
  try {
    return await ownDataStats(file, task ?? (await guessOwnTask(file)), source);
  } finally {
    await source?.close();
  }
}

async function check(flags: ArgumentsCamelCase<DataArguments>): Promise<void> {
  const stats = await statsOf(flags);
  const { problems, records, task, features } = stats;
  const missing = (features?.missing ?? []).map((id) => `image ${id}: no region features`);
  if (flags.json) console.log(JSON.stringify({ task, records, problems, missing: features?.missing ?? [] }, null, 2));
  else {
    for (const { where, problem } of problems) console.log(`${where}: ${problem}`);
    for (const line of missing) console.log(line);
    const found = problems.length + missing.length;
    console.log(`${records} ${task} records, ${found === 0 ? 'nothing wrong' : `${found} problems`}`);
  }
  process.exitCode = problems.length + missing.length === 0 ? 0 : 1;
}

async function stats(flags: ArgumentsCamelCase<DataArguments>): Promise<void> {
  const found = await statsOf(flags);
  if (flags.json) return console.log(JSON.stringify(found, null, 2));
  const spread = (values: Distribution | null): string =>
    values === null
      ? 'none'
      : `${values.min} to ${values.max}, median ${values.median}, nine in ten up to ${values.p90}`;
  const labels = found.labels.slice(0, 20).map(([label, count]) => `  ${String(count).padStart(7)}  ${label}`);
  const { features } = found;
  const lines = [
    `${found.records} ${found.task} records, ${found.problems.length} problems (visualbert data check lists them)`,
    `words in a text: ${spread(found.words)}`,
    `${found.images} images`,
    ...(features === null
      ? []
      : [
          `regions of an image: ${spread(features.regions)}; ${features.dim} wide; ${features.missing.length} images without`,
        ]),
    `${found.unlabelled} records without label, ${found.labels.length} different labels:`,
    ...labels,
    ...(found.labels.length > labels.length ? [`  and ${found.labels.length - labels.length} more`] : []),
  ];
  console.log(lines.join('\n'));
}

async function convert({ files, from, output }: ArgumentsCamelCase<ConvertArguments>): Promise<void> {
  const { records, lines } = await convertRecords(from, files, output);
  const { task } = FOREIGN_FORMATS[from];
  console.log(`${records} records became ${lines} lines for the task ${task} in ${output}`);
}

const FROM = Object.keys(FOREIGN_FORMATS) as ForeignFormat[];

export const command: CommandModule = {
  command: 'data',
  describe: 'Check, describe and convert your own data',
  builder: (yargs: Argv) =>
    yargs
      .command('check <file>', 'Say what is wrong with which record', shared, check)
      .command('stats <file>', 'Show lengths, labels and missing features', shared, stats)
      .command(
        'convert <files..>',
        'Make lines of your own data out of GQA, LXMERT or Visual Genome files',
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
              output: { type: 'string', demandOption: true, describe: 'JSON lines to write' },
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
      .demandCommand(1, 'Name one: check, stats or convert.'),
  handler: () => undefined,
};
