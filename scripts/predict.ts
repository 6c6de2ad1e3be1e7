// visualbert predict: answers to one question, or the evaluation server's file for all of a test set. A second on a CPU for one question, most
// of it loading the model; about as long as an evaluation for a file.
import type { Argv, CommandModule } from 'yargs';
import {
  evaluateRun,
  type PixelFeatureOptions,
  type Precision,
  PRECISIONS,
  predictAnswers,
  predictionOptions,
  readRun,
  TASK_NAMES,
} from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './backend-flags.js';
import { flagsOf, givenValues, TASK_SHAPES } from './setting-flags.js';

interface PredictArguments extends BackendArguments {
  task?: (typeof TASK_NAMES)[number];
  run?: string;
  model?: string;
  question?: string;
  features?: string[];
  image?: string[];
  answers?: string;
  top: number;
  grid?: number;
  cells?: number;
  look?: PixelFeatureOptions['look'];
  json: boolean;
  output?: string;
  batchSize?: number;
  precision: Precision;
}

const ONE = 'One question:';
const FILE = 'A file of questions:';

const predict: CommandModule<object, PredictArguments> = {
  command: 'predict [task]',
  describe: 'Answer a question about an image, or write the predictions for a file of them',
  builder: (yargs: Argv) =>
    yargs
      .positional('task', { choices: TASK_NAMES, describe: "of a file, without a run; default: the run's" })
      .options({
        run: { type: 'string', describe: 'run folder' },
        model: { type: 'string', describe: 'folder or hub id, instead of a run' },
        question: { type: 'string', alias: 'statement', describe: 'the question, or the statement', group: ONE },
        image: {
          type: 'string',
          array: true,
          describe: 'id of the image; two for nlvr2; needed when the features hold several',
          group: ONE,
        },
        top: { type: 'number', default: 5, describe: 'how many answers', group: ONE },
        json: { type: 'boolean', default: false, describe: 'as JSON', group: ONE },
        output: {
          type: 'string',
          describe: 'write all predictions here, as the evaluation server takes them; labels are not needed',
          group: FILE,
        },
        'batch-size': { type: 'number', describe: 'examples in one batch; default 32', group: FILE },
        precision: { choices: PRECISIONS, default: 'fp32' as const, describe: 'of matrix products', group: FILE },
        ...flagsOf(TASK_SHAPES, "Data (default: the run's, but for the examples):"),
        ...BACKEND_FLAGS,
      })
      .example('$0 predict --run runs/vqa --question "What colour is the bus?" --features val_36.tsv --image 42', '')
      .example(
        '$0 predict --model uclanlp/visualbert-vqa --answers answers_vqa.txt --question "Is it raining?" --features features/ --image 42',
        '',
      )
      .example(
        '$0 predict --run runs/vqa --questions v2_OpenEnded_mscoco_test2015_questions.json --features test2015_36.tsv --output result.json',
        'the file of the evaluation server',
      ) as unknown as Argv<PredictArguments>,
  handler: async (flags) => {
    if ((flags.question === undefined) === (flags.output === undefined)) {
      throw new Error('Give either a question (--question TEXT), or where to write the predictions (--output FILE).');
    }
    await useBackend(flags, 'infer');
    await (flags.output === undefined ? predictOne(flags) : predictFile(flags, flags.output));
  },
};

export const command = predict as CommandModule;

async function predictOne(flags: PredictArguments): Promise<void> {
  const made: Pick<PredictArguments, 'grid' | 'cells' | 'look'> =
    flags.run === undefined ? {} : predictionOptions((await readRun(flags.run)).data);
  const { question = '', features, image: images, answers, top: topK } = flags;
  const { grid = made.grid, cells = made.cells, look = made.look } = flags;
  if (features === undefined) throw new Error('Give the region features of the image (--features).');
  const found = await predictAnswers({
    model: sourceOf(flags),
    question,
    features,
    topK,
    ...(images === undefined ? {} : { images }),
    ...(answers === undefined ? {} : { answers }),
    ...(grid === undefined ? {} : { grid }),
    ...(cells === undefined ? {} : { cells }),
    ...(look === undefined ? {} : { look }),
  });
  if (flags.json)
    console.log(JSON.stringify({ question, answers: found.map(({ answer, score }) => ({ answer, score })) }, null, 2));
  else for (const { answer, score } of found) console.log(`${(100 * score).toFixed(1).padStart(5)}%  ${answer}`);
}

async function predictFile(flags: PredictArguments, output: string): Promise<void> {
  const run = flags.run === undefined ? null : await readRun(flags.run);
  const task = flags.task ?? run?.task;
  if (task === undefined)
    throw new Error('Give the task of the model (predict vqa --model ID), or a run (--run FOLDER).');
  const { count } = await evaluateRun({
    task,
    model: sourceOf(flags),
    data: { ...predictionOptions(run?.data ?? {}), ...givenValues({ ...flags }, TASK_SHAPES) },
    purpose: 'predict',
    output,
    precision: flags.precision,
    ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
  });
  console.log(`${count} predictions: ${output}`);
}

function sourceOf({ run, model }: PredictArguments): string {
  const source = run ?? model;
  if (source === undefined) throw new Error('Give a run (--run FOLDER) or a model (--model FOLDER or hub id).');
  return source;
}
