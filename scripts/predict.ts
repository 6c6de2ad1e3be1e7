// visualbert predict: answers one question, or writes the evaluation server's file for a test set. A second on a CPU for one question, mostly
// for loading the model; for a file about as long as an evaluation.
import { predictionOptions, readRun } from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { refuseUnused } from './flags/checks.js';
import {
  commandByTask,
  type ExampleArguments,
  exampleFlags,
  givenExamples,
  refuseExamples,
  withStored,
} from './flags/examples.js';
import { checkpointFlags, sourceOf } from './flags/checkpoint.js';
import { ONE_INPUT_FLAGS, type OneInputArguments, openInput } from './flags/one-input.js';
import { COMPUTING_FLAGS, computingOptions, JSON_FLAG, outputFlag } from './flags/results.js';
import { flagsOf } from './flags/settings.js';
import { shardFlag, shardOf } from './flags/shard.js';
import { runEvaluation } from './results/evaluation.js';
import { answerFields, answerLines, answersOf } from './results/one-answer.js';
import { type ComputingOptions, TOP_K } from './flags/internal.js';

interface PredictArguments extends BackendArguments, ExampleArguments, OneInputArguments, ComputingOptions {
  top?: number;
  json: boolean;
  output?: string;
  shard?: string;
}

function requiredMark(name: string): string {
  return name === 'features'
    ? '[required for one question, and without --run]'
    : '[required for a file of questions without --run]';
}

export const command = commandByTask<PredictArguments>(
  'predict',
  'Answer a question about an image, or write the predictions for a file of questions',
  (task) => ({
    options: {
      ...checkpointFlags('Run:'),
      ...COMPUTING_FLAGS,
      ...JSON_FLAG,
      ...ONE_INPUT_FLAGS,
      top: {
        ...flagsOf({ top: TOP_K }, 'One question:')['top'],
        defaultDescription: `${TOP_K.parse(undefined)}; all classes and all choices`,
      },
      output: {
        ...outputFlag(
          'file to write in the format of the evaluation server (labels are not required); with --shard, the part',
        ),
        group: 'A file of questions:',
      },
      shard: shardFlag('the questions', 'A file of questions:'),
      ...exampleFlags(task, requiredMark),
      ...BACKEND_FLAGS,
    },
    examples: [
      ['$0 predict --run runs/vqa --question "What color is the bus?" --features val_36.tsv --image 42', '', 'vqa'],
      [
        '$0 predict --model uclanlp/visualbert-vqa --answers answers_vqa.txt --question "Is it raining?" --features features/ --image 42',
        'a published model',
        'vqa',
      ],
      [
        '$0 predict --model uclanlp/visualbert-vqa-coco-pre --question "a [MASK] on the table" --features features/ --image 42',
        'words for [MASK]',
        'pretraining',
      ],
      [
        '$0 predict --run runs/vqa --questions v2_OpenEnded_mscoco_test2015_questions.json --features test2015_36.tsv --output result.json',
        'the file of the evaluation server',
        'vqa',
      ],
      [
        '$0 predict --run runs/mine --data test.jsonl --features test/ --output predictions.jsonl',
        'with the test set of the task',
        null,
      ],
    ],
  }),
  async (flags) => {
    if ((flags.question === undefined) === (flags.output === undefined)) {
      throw new Error('Give either a question (--question TEXT), or a file for the predictions (--output FILE).');
    }
    if (flags.output === undefined) {
      const remedy = 'give --output FILE in place of the question, or leave it out';
      refuseUnused(flags, ['shard', 'batchSize'], `one question; ${remedy}`);
      refuseExamples(flags, remedy);
    } else
      refuseUnused(flags, ['top', ...Object.keys(ONE_INPUT_FLAGS)], 'a file of questions (--output); leave it out');
    await useBackend(flags, 'infer');
    await (flags.output === undefined ? predictOne(flags) : predictFile(flags, flags.output));
  },
);

async function predictOne(flags: PredictArguments): Promise<void> {
  const opened = await openInput(flags, { hasPictures: false });
  try {
    const { question } = flags;
    const found = await answersOf(opened, flags.top);
    const lines = answerLines(found).join('\n');
    console.log(flags.json ? JSON.stringify({ question, ...answerFields(found) }, null, 2) : lines);
  } finally {
    await opened.close();
  }
}

async function predictFile(flags: PredictArguments, output: string): Promise<void> {
  const run = flags.run === undefined ? null : await readRun(flags.run);
  const task = flags.task ?? run?.task;
  if (task === undefined)
    throw new Error('Give the task of the model (predict vqa --model ID), or a run (--run FOLDER).');
  const given = givenExamples(flags);
  const data =
    run === null || flags.run === undefined
      ? given
      : await withStored(flags.run, run, flags.task, given, predictionOptions);
  await runEvaluation(
    {
      ...{ task, model: sourceOf(flags), purpose: 'predict' },
      data,
      ...computingOptions(flags),
    },
    { output, shard: shardOf(flags.shard), json: flags.json },
  );
}
