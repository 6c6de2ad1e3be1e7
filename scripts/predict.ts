// visualbert predict: answers to one question, or the evaluation server's file for all of a test set. A second on a CPU for one question, most
// of it loading the model; about as long as an evaluation for a file.
import type { Argv, CommandModule } from 'yargs';
import {
  type AnyOneInput,
  evaluateRun,
  type Precision,
  PRECISIONS,
  predictionOptions,
  readRun,
  TASK_NAMES,
} from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './backend-flags.js';
import { ONE_INPUT_FLAGS, type OneInputArguments, openInput, percent, sourceOf } from './one-input-flags.js';
import { flagsOf, givenValues, TASK_SHAPES } from './setting-flags.js';

interface PredictArguments extends BackendArguments, OneInputArguments {
  task?: (typeof TASK_NAMES)[number];
  top: number;
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
        ...ONE_INPUT_FLAGS,
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
        '$0 predict --model uclanlp/visualbert-vqa-coco-pre --question "a [MASK] on the table" --features features/ --image 42',
        'words behind [MASK]',
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
  const opened = await openInput(flags);
  try {
    const { question } = flags;
    const found = await predictionsOf(opened, flags.top);
    if (flags.json) {
      const [first] = found;
      console.log(JSON.stringify({ question, ...(found.length > 1 ? { masks: found } : first) }, null, 2));
      return;
    }
    for (const { position, answers } of found) {
      if (found.length > 1) console.log(`[MASK] at position ${position}`);
      for (const { answer, score } of answers) console.log(`${percent(score)}  ${answer}`);
    }
  } finally {
    await opened.close();
  }
}

/** The answers of whatever task the checkpoint has, best first; several lists for several masks. */
async function predictionsOf(
  opened: AnyOneInput,
  topK: number,
): Promise<{ position?: number; answers: { answer: string; score: number }[] }[]> {
  switch (opened.task) {
    case 'visual-question-answering': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ answer, score }) => ({ answer, score })) }];
    }
    case 'visual-reasoning': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ label, score }) => ({ answer: label, score })) }];
    }
    case 'visual-multiple-choice': {
      const found = await opened.pipeline(opened.input, { topK });
      return [{ answers: found.map(({ choice, score }) => ({ answer: choice, score })) }];
    }
    case 'fill-mask': {
      const found = await opened.pipeline(opened.input, { topK });
      return found.map(({ position, words }) => ({
        position,
        answers: words.map(({ word, score }) => ({ answer: word, score })),
      }));
    }
    case 'image-text-matching': {
      const { score } = await opened.pipeline(opened.input);
      return [{ answers: [{ answer: 'matches', score }] }];
    }
    case 'phrase-grounding':
    case 'feature-extraction':
      throw new Error('This checkpoint finds phrases in a picture: use `visualbert ground`.');
  }
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
