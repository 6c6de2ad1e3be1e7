// Pipelines of every task: the results of the model itself, for one input, a list and a stream, eager and compiled.
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from '@jest/globals';
import { DataError } from '../../src/errors.js';
import { explain } from '../../src/explain/explain.js';
import type { PictureDetector } from '../../src/features/picture-detector.js';
import type { RegionFeatureSource } from '../../src/features/region-features.js';
import { memorySource } from '../../src/features/wrappers.js';
import { pipeline as browserPipeline } from '../../src/pipelines/pipeline.js';
import type { Pipeline, PipelineInput, PipelineName } from '../../src/pipelines/contract.js';
import { accessTo } from '../../src/pipelines/create.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { VisualBertForMultipleChoice } from '../../src/models/multiple-choice.js';
import { VisualBertForPreTraining } from '../../src/models/pre-training.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { VisualBertForRegionToPhraseAlignment } from '../../src/models/region-to-phrase-alignment.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import { VisualBertModel } from '../../src/models/visual-bert-model.js';
import { VisualBertProcessor } from '../../src/processing/processor.js';
import { softmax } from '../../src/scores.js';
import { useBackend } from '../helpers/backend.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';

/** Probabilities of one float32 forward pass beside those of another with other padding. */
const CLOSE = 5;
const ANSWERS = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };

const checkpoint = async (...args: Parameters<typeof writeCheckpoint>): Promise<string> => {
  const folder = await writeCheckpoint(...args);
  return folder;
};
const processorOf = (folder: string): Promise<VisualBertProcessor> => VisualBertProcessor.fromPretrained(folder);

const hasEngine = (await useBackend()).backend === 'tensorflow';

/** The logits of a model called by hand, without any padding. */
async function logitsOf(
  Model: { fromPretrained(dir: string): Promise<{ forward(inputs: ModelInputs): object; dispose(): void }> },
  folder: string,
  inputs: ModelInputs,
  name = 'logits',
): Promise<Float32Array> {
  const model = await Model.fromPretrained(folder);
  const outputs = model.forward(inputs) as Record<string, tf.Tensor>;
  const values = (await outputs[name]?.data()) as Float32Array;
  tf.dispose(outputs);
  model.dispose();
  return values;
}

describe.each([true, false])('pipelines, compiled where the engine is: %s', (compile) => {
  const options = compile ? {} : { compile: false };

  test('visual-question-answering gives the best answers, never <unk>', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const ask = await pipeline('visual-question-answering', folder, options);
    const question = 'What is the dog near?';
    const answers = await ask({ question, regions: regionsOfImage(1) }, { topK: 2 });
    const inputs = await (await processorOf(folder))({ text: question, visualEmbeds: regionsOfImage(1) });
    const expected = softmax(await logitsOf(VisualBertForQuestionAnswering, folder, inputs));
    const order = [1, 2, 3].sort((a, b) => (expected[b] as number) - (expected[a] as number)).slice(0, 2);
    expect(answers.map(({ index }) => index)).toEqual(order);
    answers.forEach(({ answer, index, score }) => {
      expect(answer).toBe(ANSWERS[index as keyof typeof ANSWERS]);
      expect(score).toBeCloseTo(expected[index] as number, CLOSE);
    });
    await ask.dispose();
  });

  test('visual-reasoning reads two images; a head without names answers False and True', async () => {
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr2', config: { numLabels: 2 } });
    const judge = await pipeline('visual-reasoning', folder, options);
    const pair = [regionsOfImage(1), regionsOfImage(2, 3)] as const;
    const scores = await judge({ statement: 'the ball is red', regions: pair });
    const inputs = await (await processorOf(folder))({ text: 'the ball is red', visualEmbeds: pair });
    const [no = 0, yes = 0] = softmax(await logitsOf(VisualBertForVisualReasoning, folder, inputs));
    expect(Object.fromEntries(scores.map(({ label, score }) => [label, score]))).toEqual({
      False: expect.closeTo(no, CLOSE),
      True: expect.closeTo(yes, CLOSE),
    });
    expect(scores[0]?.score).toBe(Math.max(...scores.map(({ score }) => score)));
    await judge.dispose();
  });

  test('visual-multiple-choice reads plain choices, and tags with the regions of their objects', async () => {
    const folder = await checkpoint('VisualBertForMultipleChoice', { task: 'vcr' });
    const choose = await pipeline('visual-multiple-choice', folder, options);
    const choices = ['the dog', 'a red ball', 'no'];
    const question = 'What is near the man?';
    const scored = await choose({ question, choices, regions: regionsOfImage(3) });
    const flat = await (
      await processorOf(folder)
    )({
      text: choices.map(() => question),
      textPair: choices,
      visualEmbeds: choices.map(() => regionsOfImage(3)),
    });
    const perChoice = Object.fromEntries(
      Object.entries(flat).map(([name, tensor]) => [name, { ...tensor, shape: [1, ...tensor.shape] }]),
    );
    const expected = softmax(await logitsOf(VisualBertForMultipleChoice, folder, perChoice));
    for (const { choice, index, score } of scored) {
      expect(choice).toBe(choices[index]);
      expect(score).toBeCloseTo(expected[index] as number, CLOSE);
    }
    const tagged = await choose({
      question: ['why', 'is', [0], 'near', [2], '?'],
      choices: [
        [[0], 'is', 'a', 'man'],
        ['the', [2], 'is', 'red'],
      ],
      objects: ['person', 'person', 'ball'],
      regions: regionsOfImage(4, 4),
    });
    expect(tagged.map(({ choice }) => choice).sort()).toEqual(['Casey is a man', 'the ball is red']);
    await choose.dispose();
  });

  test('phrase-grounding finds phrases by their words and gives the boxes of their regions', async () => {
    const folder = await checkpoint('VisualBertForRegionToPhraseAlignment', { task: 'flickr' });
    const ground = await pipeline('phrase-grounding', folder, options);
    const sentence = 'A small dog, near the red ball.';
    const found = await ground(
      { sentence, phrases: ['small dog', { first: 5, last: 7 }], regions: regionsOfImage(5) },
      { topK: 6 },
    );
    expect(found.map(({ phrase }) => phrase)).toEqual(['small dog', 'the red ball']);
    const processor = await processorOf(folder);
    const inputs = await processor({ text: sentence, visualEmbeds: regionsOfImage(5) });
    const regionToPhrasePosition = { dtype: 'int32' as const, shape: [1, 2], data: Int32Array.of(3, 8) }; // [CLS] is 0
    const logits = await logitsOf(VisualBertForRegionToPhraseAlignment, folder, { ...inputs, regionToPhrasePosition });
    found.forEach(({ regions }, phrase) => {
      const expected = softmax(logits.subarray(phrase * 6, phrase * 6 + 6));
      for (const { index, score, box } of regions) {
        expect(score).toBeCloseTo(expected[index] as number, CLOSE);
        expect(box).toEqual([10 * index, 5, 10 * index + 12, 30]);
      }
    });
    await expect(ground({ sentence, phrases: ['blue cat'], regions: regionsOfImage(5) })).rejects.toThrow(
      'the sentence has no "blue cat"',
    );
    await ground.dispose();
  });

  test('fill-mask predicts the words of [MASK]; image-text-matching whether text and image match', async () => {
    const folder = await checkpoint('VisualBertForPreTraining', { task: 'pretraining' });
    const text = 'a small [MASK] near [MASK] ball';
    const fill = await pipeline('fill-mask', folder, options);
    const filled = await fill({ text, regions: regionsOfImage(6) }, { topK: 3 });
    const processor = await processorOf(folder);
    const inputs = await processor({ text, visualEmbeds: regionsOfImage(6) });
    const logits = await logitsOf(VisualBertForPreTraining, folder, inputs, 'predictionLogits');
    const w = processor.tokenizer.vocabularySize;
    expect(filled.map(({ position }) => position)).toEqual([3, 5]);
    for (const { position, words } of filled) {
      const expected = softmax(logits.subarray(position * w, (position + 1) * w));
      for (const { word, id, score } of words) {
        expect(processor.tokenizer.tokens([id])).toEqual([word]);
        expect(score).toBeCloseTo(expected[id] as number, CLOSE);
      }
      expect(words[0]?.score).toBeCloseTo(Math.max(...expected), CLOSE);
    }
    await fill.dispose();
    const match = await pipeline('image-text-matching', folder, options);
    const { score, matches } = await match({ text, regions: regionsOfImage(6) });
    const [, expected = 0] = softmax(await logitsOf(VisualBertForPreTraining, folder, inputs, 'seqRelationshipLogits'));
    expect(score).toBeCloseTo(expected, CLOSE);
    expect(matches).toBe(expected >= 0.5);
    await match.dispose();
  });

  test('feature-extraction gives the states of text and regions of any class, without padding', async () => {
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'plain' });
    const extract = await pipeline('feature-extraction', folder, options);
    const [one, two] = await extract([
      { text: 'a dog', regions: regionsOfImage(7) },
      { text: 'the small dog near a red ball' },
    ]);
    const inputs = await (await processorOf(folder))({ text: 'a dog', visualEmbeds: regionsOfImage(7) });
    const states = await logitsOf(VisualBertModel, folder, inputs, 'lastHiddenState');
    expect([one?.text.shape, one?.regions?.shape, one?.pooled.shape]).toEqual([[4, 12], [6, 12], [12]]);
    [...(one?.text.data ?? []), ...(one?.regions?.data ?? [])].forEach((value, i) =>
      expect(value).toBeCloseTo(states[i] as number, 4),
    );
    expect(two?.regions).toBeNull();
    await extract.dispose();
  });

  test('pad short and long texts alike where the encoder computes no padding, so that few shapes are recorded', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const ask = await pipeline('visual-question-answering', folder, options);
    const extract = await pipeline('feature-extraction', folder, options); // reads every state
    const texts = [3, 20, 40].map((count) => Array<string>(count).fill('dog').join(' '));
    const lengthsOf = async <T extends PipelineName>(
      made: Pipeline<T>,
      inputs: PipelineInput<T>[],
    ): Promise<unknown> => {
      const { head, collate } = accessTo(made);
      const examples = await Promise.all(inputs.map((input) => head.encode(input)));
      return examples.map((example) => collate([example]).inputs['inputIds']?.shape[1]);
    };
    const regions = regionsOfImage(1);
    const questions = texts.map((question) => ({ question, regions }));
    const bucketed = [16, 24, 48];
    expect(await lengthsOf(ask, questions)).toEqual(compile && hasEngine ? [16, 48, 48] : bucketed);
    expect(
      await lengthsOf(
        extract,
        texts.map((text) => ({ text, regions })),
      ),
    ).toEqual(bucketed);
    await Promise.all([ask.dispose(), extract.dispose()]);
  });

  test('a list and a stream give in order what single inputs give', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const ask = await pipeline('visual-question-answering', folder, { ...options, batchSize: 3 });
    const words = 'what is the small dog near a red ball doing in the hat and why is it no yes red man'.split(' ');
    const inputs = Array.from({ length: 17 }, (_, i) => ({
      question: words.slice(0, 1 + ((i * 7) % 19)).join(' '),
      regions: regionsOfImage(i, 1 + ((i * 5) % 11)),
    }));
    const list = await ask(inputs, { topK: 1 });
    const streamed = [];
    for await (const answers of ask(inputsOneByOne(inputs), { topK: 1 })) streamed.push(answers);
    expect(streamed).toEqual(list);
    for (const [i, input] of inputs.entries()) {
      const [single] = await ask(input, { topK: 1 });
      expect(list[i]?.[0]?.answer).toBe(single?.answer);
      expect(list[i]?.[0]?.score).toBeCloseTo(single?.score ?? NaN, CLOSE);
    }
    await ask.dispose();
  });
});

async function* inputsOneByOne<I>(inputs: readonly I[]): AsyncGenerator<I> {
  for (const input of inputs) yield input;
}

describe('regions', () => {
  test('come from a feature source, or from a detector given a picture', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const seen: unknown[] = [];
    const detect: PictureDetector['detect'] = async (pictures) => (seen.push(...pictures), [regionsOfImage(1)]);
    const detector = { detect };
    const ask = await pipeline('visual-question-answering', folder, { compile: false, detector });
    const question = 'What is it?';
    const given = await ask({ question, regions: regionsOfImage(1) });
    const source = memorySource('images', [['42', regionsOfImage(1)]]);
    expect(await ask({ question, regions: { source, image: '42' } })).toEqual(given);
    expect(await ask({ question, regions: 'dog.jpg' })).toEqual(given);
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await ask({ question, regions: bytes })).toEqual(given);
    const address = new URL('https://example.org/dog.jpg');
    expect(await ask({ question, regions: address })).toEqual(given);
    expect(seen).toEqual(['dog.jpg', bytes, address]);
    await ask.dispose();
    const blind = await pipeline('visual-question-answering', folder, { compile: false });
    await expect(blind({ question, regions: 'dog.jpg' })).rejects.toThrow('give a detector');
    await blind.dispose();
    await expect(blind({ question, regions: regionsOfImage(1) })).rejects.toThrow(
      'the pipeline was disposed; create it again',
    );
  });

  test('of one picture are found once for all questions that wait for it, one picture after another', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const seen: unknown[] = [];
    let running = 0;
    const detect: PictureDetector['detect'] = async (pictures) => {
      seen.push([...pictures, (running += 1)]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      if (pictures[0] === 'bad.jpg') throw new DataError('bad.jpg: cut short');
      return pictures[0] === 'blank.jpg' ? [] : [regionsOfImage(1)];
    };
    const ask = await pipeline('visual-question-answering', folder, { compile: false, detector: { detect } });
    const blind = await pipeline('visual-question-answering', folder, {
      compile: false,
      detector: { detect: () => Promise.resolve([]) },
    });
    const question = 'What is it?';
    const asked = ['a.jpg', 'b.jpg', 'a.jpg'].map((regions) => ask({ question, regions }));
    const failed = [ask({ question, regions: 'bad.jpg' }), ask({ question, regions: 'blank.jpg' })];
    const refused = failed.map((one, i) =>
      expect(one).rejects.toThrow(['cut short', 'blank.jpg: the detector found no regions'][i]),
    );
    const [none] = await Promise.allSettled([blind({ question, regions: `data:image/png;base64,${'A'.repeat(900)}` })]);
    expect(String(none.status === 'rejected' && none.reason)).toMatch(
      /^DataError: data:image\/png;base64,A{18}\.\.\.: the detector found no regions/,
    );
    expect(await Promise.all(asked)).toHaveLength(3);
    await Promise.all(refused);
    expect(seen).toEqual([
      ['a.jpg', 1],
      ['b.jpg', 1],
      ['bad.jpg', 1],
      ['blank.jpg', 1],
    ]);
    await blind.dispose();
    await ask.dispose();
  });

  test('of another width are refused before the detector runs', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const detector = { detect: async () => [], name: 'wide', dim: 7 };
    const made = pipeline('visual-question-answering', folder, { compile: false, detector });
    await expect(made).rejects.toThrow(/expected regions 5 wide for .*, received 7 from the detector wide; use/);
  });
});

describe('checkpoints', () => {
  test('of another class, without names of answers or without a head are refused', async () => {
    const reasoning = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr2' });
    await expect(pipeline('visual-question-answering', reasoning)).rejects.toThrow(
      'it can do visual-reasoning, and feature-extraction',
    );
    const unnamed = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa' });
    await expect(pipeline('visual-question-answering', unnamed)).rejects.toThrow(
      "names no answers (id2label is LABEL_0, LABEL_1, ...); give the list that it was trained with, answers: 'FILE'",
    );
    const body = await checkpoint('VisualBertModel');
    await expect(pipeline('visual-reasoning', body)).rejects.toThrow('it can do feature-extraction');
    await expect(pipeline('captioning' as 'fill-mask', body)).rejects.toThrow('unknown task captioning');
  });

  test('load without the engine, as in a browser', async () => {
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr2' });
    const judge = await browserPipeline('visual-reasoning', folder);
    expect(judge.compiled).toBe(false);
    expect(await judge({ statement: 'the dog is red', regions: regionsOfImage(1) })).toHaveLength(2);
    await judge.dispose();
    const given = (precision: string): Promise<unknown> =>
      browserPipeline('visual-reasoning', folder, { precision: precision as 'fp16' });
    await expect(given('int8')).rejects.toThrow('precision "int8" needs ');
    await expect(given('half')).rejects.toThrow('precision: expected one of fp32, bf16, fp16, int8, received "half"');
  });

  test('are put around a model in memory, which outlives them', async () => {
    const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
    const model = await VisualBertForQuestionAnswering.fromPretrained(folder);
    const parts = { model, processor: await processorOf(folder) };
    const input = { question: 'What is the dog near?', regions: regionsOfImage(1) };
    const loaded = await pipeline('visual-question-answering', folder, { compile: false });
    const expected = await loaded(input);
    await loaded.dispose();
    for (const create of [pipeline, browserPipeline]) {
      const ask = await create('visual-question-answering', parts);
      expect(ask.compiled).toBe(create === pipeline && hasEngine);
      (await ask(input)).forEach(({ answer, score }, i) => {
        expect([answer, expected[i]?.answer]).toEqual([expected[i]?.answer, answer]);
        expect(score).toBeCloseTo(expected[i]?.score ?? NaN, CLOSE);
      });
      await ask.dispose();
    }
    expect(model.numParameters()).toBeGreaterThan(0);
    await expect(pipeline('visual-reasoning', parts)).rejects.toThrow(
      'visual-reasoning: expected a VisualBertForVisualReasoning, received a VisualBertForQuestionAnswering',
    );
    await expect(pipeline('visual-question-answering', parts, { maxLength: 9 })).rejects.toThrow(
      'maxLength is an option of loading, and a loaded model was given; leave it out',
    );
    model.dispose();
  });

  test.each([true, false])(
    'wait for running calls before they are disposed, compiled where possible: %s',
    async (compile) => {
      const folder = await checkpoint('VisualBertForQuestionAnswering', { task: 'vqa', config: { id2label: ANSWERS } });
      const ask = await pipeline('visual-question-answering', folder, compile ? {} : { compile: false });
      const input = { question: 'What is the dog near?', regions: regionsOfImage(1) };
      const expected = await ask(input);
      const before = await explain(ask, input);
      const read = ask(inputsOneByOne(Array.from({ length: 200 }, () => input)));
      await read.next();
      const slow: RegionFeatureSource['read'] = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20)); // the model runs after the call of dispose
        return regionsOfImage(1);
      };
      const source = { ...memorySource('slow', [['1', regionsOfImage(1)]]), read: slow };
      const late = { question: input.question, regions: { source, image: '1' } };
      const running = [ask(late), explain(ask, late), ask([late, input])] as const;
      const disposed = ask.dispose();
      const after = 'visual-question-answering: the pipeline was disposed; create it again';
      await expect(ask(input)).rejects.toThrow(after);
      await expect(ask([input])).rejects.toThrow(after);
      await expect(ask(inputsOneByOne([input])).next()).rejects.toThrow(after);
      await expect(read.next()).rejects.toThrow(after);
      const [answers, explanation, list] = await Promise.all(running);
      for (const one of [answers, ...list])
        one.forEach(({ score }, i) => expect(score).toBeCloseTo(expected[i]?.score ?? NaN, CLOSE));
      explanation.words.forEach(({ score }, i) => expect(score).toBeCloseTo(before.words[i]?.score ?? NaN, CLOSE));
      await disposed;
      expect(ask.dispose()).toBe(disposed);
    },
  );

  test('dispose their tensors', async () => {
    const folder = await checkpoint('VisualBertForVisualReasoning', { task: 'nlvr2' });
    const before = tf.memory().numTensors;
    const judge = await pipeline('visual-reasoning', folder, { compile: false });
    await judge([1, 2, 3].map((seed) => ({ statement: 'the dog is red', regions: regionsOfImage(seed) })));
    await judge.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
