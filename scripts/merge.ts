// visualbert merge: joins the parts that several machines have written with --shard. As fast as the disk; for evaluations the examples are read again.
import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { counted, isFeatureStore, mergeEvaluations, mergeStores } from '../src/node.js';
import { JSON_FLAG, outputFlag } from './flags/results.js';
import { createCountBar } from './results/count-bar.js';
import { printEvaluation } from './results/evaluation.js';

interface MergeArguments {
  parts: string[];
  output?: string;
  json: boolean;
}

async function merge({ parts, output, json }: ArgumentsCamelCase<MergeArguments>): Promise<void> {
  if (await isFeatureStore(parts[0] as string)) {
    if (output === undefined) throw new Error('Name the store to write (--output FILE.vbf).');
    const bar = createCountBar('images');
    const images = await mergeStores(parts, output, { onImage: bar.update }).finally(bar.stop);
    return console.log(json ? JSON.stringify({ output, images }, null, 2) : `${counted(images, 'image')}: ${output}`);
  }
  const bar = createCountBar('examples');
  const options = { ...(output !== undefined && { output }), onBatch: bar.update };
  const merged = await mergeEvaluations(parts, options).finally(bar.stop);
  printEvaluation({ ...merged, ...(output !== undefined && { output }) }, json);
}

const mergeModule: CommandModule<object, MergeArguments> = {
  command: 'merge <parts..>',
  describe: 'Join the parts of --shard: feature stores, evaluations, predictions',
  builder: (yargs: Argv) =>
    yargs
      .positional('parts', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'the files of all parts, in any order',
      })
      .options({
        output: outputFlag('file to write: the store, or the predictions in the format of the evaluation server'),
        ...JSON_FLAG,
      })
      .example('$0 merge part-*.vbf --output coco.vbf', 'of features extract or features pack')
      .example('$0 merge part-*.safetensors', 'of evaluate: the metrics')
      .example(
        '$0 merge part-*.safetensors --output result.json',
        'of predict: the file',
      ) as unknown as Argv<MergeArguments>,
  handler: merge,
};

export const command = mergeModule as CommandModule;
