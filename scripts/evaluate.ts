// visualbert evaluate: figures of a run or model on labelled examples. VQA 2.0 validation takes about an hour on a CPU.
import type { Argv, CommandModule } from 'yargs';
import {
  createProgress,
  evaluateRun,
  hasValidation,
  optionRole,
  type Precision,
  PRECISIONS,
  readRun,
  TASK_NAMES,
  validationOptions,
} from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './backend-flags.js';
import { flagsOf, givenValues, TASK_SHAPES } from './setting-flags.js';

interface EvaluateArguments extends BackendArguments, ExampleArguments {
  batchSize?: number;
  output?: string;
  precision: Precision;
  json: boolean;
}

const evaluate: CommandModule<object, EvaluateArguments> = {
  command: 'evaluate [task]',
  describe: 'Compute the figures of a run, or of any model, on labelled examples',
  builder: (yargs: Argv) =>
    yargs
      .positional('task', { choices: TASK_NAMES, describe: "default: the run's" })
      .options({
        run: { type: 'string', describe: 'run folder; its validation examples unless others are named', group: 'Run:' },
        model: { type: 'string', describe: 'folder or hub id, instead of a run', group: 'Run:' },
        'batch-size': { type: 'number', describe: 'examples in one batch; default 32', group: 'Run:' },
        precision: {
          choices: PRECISIONS,
          default: 'fp32' as const,
          describe: 'of matrix products',
          group: 'Run:',
        },
        output: {
          type: 'string',
          describe: 'also write the predictions, as the evaluation server takes them',
          group: 'Run:',
        },
        json: { type: 'boolean', default: false, describe: 'figures as JSON', group: 'Run:' },
        ...flagsOf(TASK_SHAPES, 'Data:'),
        ...BACKEND_FLAGS,
      })
      .example('$0 evaluate --run runs/vqa', "on the run's own validation examples")
      .example(
        '$0 evaluate vqa --model uclanlp/visualbert-vqa --answers answers_vqa.txt --questions val_questions.json --annotations val_annotations.json --features val_36.tsv',
        '',
      ) as unknown as Argv<EvaluateArguments>,
  handler: async (flags) => {
    await useBackend(flags, 'infer');
    const { task, model, data } = await chosenExamples(flags);
    const progress = createProgress();
    const { count, metrics } = await evaluateRun({
      task,
      model,
      data: { ...data, ...givenValues(flags, TASK_SHAPES) },
      purpose: 'evaluate',
      precision: flags.precision,
      ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
      ...(flags.output === undefined ? {} : { output: flags.output }),
    });
    progress.stop();
    console.log(flags.json ? JSON.stringify({ task, model, count, metrics }, null, 2) : tableOf(count, metrics));
  },
};

export const command = evaluate as CommandModule;

/** The flags that say which examples a command reads. */
export interface ExampleArguments {
  task?: (typeof TASK_NAMES)[number];
  run?: string;
  model?: string;
  data?: string[];
  questions?: string[];
  captions?: string[];
  split?: string;
}

/** The run's task and validation data, or the model's as flags name them. */
export async function chosenExamples(
  flags: ExampleArguments,
): Promise<{ task: string; model: string; data: Record<string, unknown> }> {
  const { run, model, task } = flags;
  if (run !== undefined) {
    const settings = await readRun(run);
    const namesExamples = Object.keys(givenValues({ ...flags }, TASK_SHAPES)).some(
      (name) => optionRole(name).namesExamples === true,
    );
    if (!hasValidation(settings.data) && !namesExamples)
      console.error('the run has no validation examples: these are the figures of those that it was trained on');
    return { task: task ?? settings.task, model: run, data: validationOptions(settings.data) };
  }
  if (model === undefined || task === undefined)
    throw new Error('Give a run (--run FOLDER), or a task and a model (evaluate vqa --model ID).');
  return { task, model, data: {} };
}

function tableOf(count: number, metrics: Record<string, number>): string {
  const width = Math.max(...Object.keys(metrics).map(({ length }) => length));
  return [
    `${count} examples`,
    ...Object.entries(metrics).map(([name, value]) => `${name.padEnd(width)}  ${Number(value.toFixed(4))}`),
  ].join('\n');
}
