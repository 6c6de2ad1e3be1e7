// `node dist/bench/new-shapes.js`: measures how long a forward pass takes for shapes that it has not seen, which it records, by the shapes before.
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import {
  NO_BUCKETS,
  selectBackend,
  uniformValues,
  VisualBertForQuestionAnswering,
  VisualBertProcessor,
} from '../src/node.js';
import { createForwardPass } from '../src/inference/open-forward-pass.js';
import { PIPELINE_DIM, pipelineCheckpoint } from './data/pipeline-checkpoint.js';
import { makeVqaQuestions } from './data/vqa-questions.js';
import { median } from './report/statistics.js';

const flags = await yargs(hideBin(process.argv))
  .usage('$0 [flags]\n\nVisualBERT base, one question about 1, 2, 3 and more regions. About 20 seconds on 2 cores.')
  .option('shapes', { number: true, default: 60, describe: 'number of shapes; from 128 on a new session takes over' })
  .option('threads', { number: true, default: 2, describe: 'threads of the engine' })
  .strict()
  .parseAsync();

/** Shapes whose times are summarized together. */
const GROUP = 10;

await selectBackend({ backend: 'tensorflow', threads: flags.threads });
const folder = await pipelineCheckpoint(makeVqaQuestions());
const processor = await VisualBertProcessor.fromPretrained(folder);
const model = await VisualBertForQuestionAnswering.fromPretrained(folder);
const forward = await createForwardPass(model);
const text = await processor.encodeText('What is the man riding?');

/** Milliseconds of a forward pass with that many regions, which are not padded. */
async function timed(count: number): Promise<number> {
  const regions = { count, dim: PIPELINE_DIM, features: uniformValues(count * PIPELINE_DIM, 1, 0, 1) };
  const inputs = processor.collate([{ text, regions: [regions] }], { buckets: NO_BUCKETS });
  const begin = performance.now();
  await forward.outputs(inputs);
  return performance.now() - begin;
}

console.log('| shapes before | first call, ms | next call, ms | recording, ms |\n|---|---|---|---|');
let [first, next]: [number[], number[]] = [[], []];
for (let shape = 0; shape < flags.shapes; shape++) {
  first.push(await timed(shape + 1));
  next.push(await timed(shape + 1));
  if (first.length < GROUP) continue;
  const recording = median(first.map((ms, i) => ms - (next[i] ?? 0)));
  const cells = [
    `${shape + 1 - GROUP} to ${shape}`,
    ...[median(first), median(next), recording].map((ms) => ms.toFixed(0)),
  ];
  console.log(`| ${cells.join(' | ')} |`);
  [first, next] = [[], []];
}
await forward.dispose();
model.dispose();
