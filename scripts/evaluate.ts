// visualbert evaluate: metrics of a run or model on labelled examples. VQA 2.0 validation takes about an hour on a CPU.
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { checkpointFlags } from './flags/checkpoint.js';
import { chosenExamples, commandByTask, type ExampleArguments, exampleFlags } from './flags/examples.js';
import { COMPUTING_FLAGS, computingOptions, JSON_FLAG, outputFlag } from './flags/results.js';
import { shardFlag, shardOf } from './flags/shard.js';
import { runEvaluation } from './results/evaluation.js';
import { type ComputingOptions } from './flags/internal.js';

interface EvaluateArguments extends BackendArguments, ExampleArguments, ComputingOptions {
  output?: string;
  shard?: string;
  json: boolean;
}

const CHECKPOINT = checkpointFlags('Run:');

export const command = commandByTask<EvaluateArguments>(
  'evaluate',
  'Compute the metrics of a run, or of any model, on labelled examples',
  (task) => ({
    options: {
      ...CHECKPOINT,
      run: { ...CHECKPOINT.run, describe: 'run folder; default examples: its validation examples' },
      ...COMPUTING_FLAGS,
      output: {
        ...outputFlag(
          'file to write the predictions to, in the format of the evaluation server; with --shard, the part',
        ),
        group: 'Run:',
      },
      shard: shardFlag('the examples', 'Run:'),
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
    const shard = shardOf(flags.shard);
    await useBackend(flags, 'infer');
    const chosen = await chosenExamples(flags);
    await runEvaluation({ ...chosen, purpose: 'evaluate', ...computingOptions(flags) }, { ...flags, shard });
  },
);
