// visualbert evaluate: metrics of a run or model on labelled examples. VQA 2.0 validation takes about an hour on a CPU.
import { counted, evaluateRun } from '../src/node.js';
import { createCountBar } from './results/count-bar.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { checkpointFlags } from './flags/checkpoint.js';
import { chosenExamples, commandByTask, type ExampleArguments, exampleFlags } from './flags/examples.js';
import { COMPUTING_FLAGS, type ComputingArguments, JSON_FLAG, leftOutLines } from './flags/results.js';

interface EvaluateArguments extends BackendArguments, ExampleArguments, ComputingArguments {
  output?: string;
  json: boolean;
}

const CHECKPOINT = checkpointFlags('Run:');

export const command = commandByTask<EvaluateArguments>(
  'evaluate',
  'Compute the metrics of a run, or of any model, on labelled examples',
  (task) => ({
    options: {
      ...CHECKPOINT,
      run: { ...CHECKPOINT.run, describe: 'run folder; its validation examples unless others are named' },
      ...COMPUTING_FLAGS,
      output: {
        type: 'string',
        describe: 'also write the predictions, as the evaluation server takes them',
        group: 'Run:',
      },
      ...JSON_FLAG,
      ...exampleFlags(task),
      ...BACKEND_FLAGS,
    },
    examples: [
      ['$0 evaluate --run runs/vqa', "on the run's own validation examples", null],
      [
        '$0 evaluate vqa --model uclanlp/visualbert-vqa --answers answers_vqa.txt --questions val_questions.json --annotations val_annotations.json --features val_36.tsv',
        'any model, on any examples',
        'vqa',
      ],
    ],
  }),
  async (flags) => {
    await useBackend(flags, 'infer');
    const { task, model, data } = await chosenExamples(flags);
    const bar = createCountBar('examples');
    const { count, metrics, leftOut } = await evaluateRun({
      task,
      model,
      data,
      purpose: 'evaluate',
      precision: flags.precision,
      allowFreshWeights: flags.allowFreshWeights,
      ...(flags.batchSize === undefined ? {} : { batchSize: flags.batchSize }),
      ...(flags.output === undefined ? {} : { output: flags.output }),
      onBatch: bar.update,
    }).finally(bar.stop);
    const table = [...leftOutLines(leftOut), ...tableOf(count, metrics)].join('\n');
    console.log(flags.json ? JSON.stringify({ task, model, count, metrics, leftOut }, null, 2) : table);
  },
);

function tableOf(count: number, metrics: Record<string, number>): string[] {
  const width = Math.max(...Object.keys(metrics).map(({ length }) => length));
  const lines = Object.entries(metrics).map(([name, value]) => `${name.padEnd(width)}  ${Number(value.toFixed(4))}`);
  return [counted(count, 'example'), ...lines];
}
