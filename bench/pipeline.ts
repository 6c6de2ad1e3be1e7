// `node dist/bench/pipeline.js`: measures the overhead of a pipeline over its compiled forward pass, for one question and for a stream.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import {
  pipeline,
  type RawTensor,
  type RegionFeatures,
  selectBackend,
  VisualBertForQuestionAnswering,
  VisualBertProcessor,
} from '../src/node.js';
import { DEFAULT_BUCKETS } from '../src/processing/batch.js';
import { createForwardPass } from '../src/inference/open-forward-pass.js';
import { pipelineCheckpoint, pipelineRegions } from './data/pipeline-checkpoint.js';
import { mean, median } from './report/statistics.js';
import { makeVqaQuestions } from './data/vqa-questions.js';

const flags = await yargs(hideBin(process.argv))
  .usage(
    '$0 [flags]\n\nVisualBERT base with 3129 answers, 36 regions of 2048: a warm pipeline and its forward pass in turns. About 3 minutes on 2 cores.',
  )
  .option('questions', { number: true, default: 1000, describe: 'length of the stream' })
  .option('rounds', { number: true, default: 5, describe: 'turns of each side; the first is for warming up' })
  .option('threads', { number: true, default: 2, describe: 'threads of the engine' })
  .strict()
  .parseAsync();

const BATCH = 32;
/** Text positions of the reference: what `npm run bench` measures forward passes with. */
const TOKENS = 20;
await selectBackend({ backend: 'tensorflow', threads: flags.threads });
const data = makeVqaQuestions();
const questions = (
  JSON.parse(readFileSync(join(data, 'questions.json'), 'utf8')) as { questions: { question: string }[] }
).questions.map(({ question }) => question);
const folder = await pipelineCheckpoint(data);
const ask = await pipeline('visual-question-answering', folder, { batchSize: BATCH });
const processor = await VisualBertProcessor.fromPretrained(folder);
const model = await VisualBertForQuestionAnswering.fromPretrained(folder);
const forward = await createForwardPass(model);
const images = Array.from({ length: 64 }, (_, seed) => pipelineRegions(seed));

interface Question {
  question: string;
  regions: RegionFeatures;
}
const questionAt = (i: number): Question => ({
  question: questions[i % questions.length] as string,
  regions: images[i % images.length] as RegionFeatures,
});

/** Model inputs as the pipeline pads them, or with `textLength`. */
async function inputsOf(asked: readonly Question[], textLength?: number): Promise<Record<string, RawTensor>> {
  const examples = await Promise.all(
    asked.map(async ({ question, regions }) => ({ text: await processor.encodeText(question), regions: [regions] })),
  );
  return processor.collate(examples, { buckets: DEFAULT_BUCKETS, ...(textLength === undefined ? {} : { textLength }) });
}

/** Milliseconds that `work` takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

const single = questionAt(3);
const singleInputs = await inputsOf([single]);
const batchInputs = await inputsOf(
  Array.from({ length: BATCH }, () => single),
  TOKENS,
);
async function* stream(): AsyncGenerator<Question> {
  for (let i = 0; i < flags.questions; i++) yield questionAt(i);
}
const consume = async (): Promise<void> => {
  for await (const best of ask(stream(), { topK: 5 })) if (best.length !== 5) throw new Error('expected 5 answers');
};

const one: { pipeline: number[]; forward: number[] } = { pipeline: [], forward: [] };
const rate: { pipeline: number[]; forward: number[] } = { pipeline: [], forward: [] };
for (let round = 0; round < flags.rounds; round++) {
  const calls = { pipeline: [] as number[], forward: [] as number[] };
  for (let i = 0; i < 20; i++) {
    calls.forward.push(await timed(() => forward.outputs(singleInputs)));
    calls.pipeline.push(await timed(() => ask(single, { topK: 5 })));
  }
  const batches = await timed(async () => {
    for (let i = 0; i < 8; i++) await forward.outputs(batchInputs);
  });
  const streamed = await timed(consume);
  console.error(`round ${round}: one ${median(calls.pipeline).toFixed(1)} / ${median(calls.forward).toFixed(1)} ms`);
  if (round === 0) continue; // records and warms up
  one.pipeline.push(median(calls.pipeline));
  one.forward.push(median(calls.forward));
  rate.pipeline.push((1000 * flags.questions) / streamed);
  rate.forward.push((1000 * 8 * BATCH) / batches);
}
const ratioOfOne = mean(one.pipeline) / mean(one.forward);
const ratioOfStream = mean(rate.pipeline) / mean(rate.forward);
console.log(`| | pipeline | its forward pass | ratio | goal |
|---|---|---|---|---|
| one question, ms | ${mean(one.pipeline).toFixed(1)} | ${mean(one.forward).toFixed(1)} | ${ratioOfOne.toFixed(2)} | at most 1.15 |
| stream of ${flags.questions}, questions per second | ${mean(rate.pipeline).toFixed(1)} | ${mean(rate.forward).toFixed(1)} (batch ${BATCH}, ${TOKENS} tokens) | ${ratioOfStream.toFixed(2)} | at least 0.90 |`);
await forward.dispose();
await ask.dispose();
