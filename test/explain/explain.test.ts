// Explanations of every head against those of transformers on PyTorch (test/fixtures/make_explanations.py), eager and compiled.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { rowsOf, traceExample } from '../../src/explain/attributions.js';
import { explain } from '../../src/explain/explain.js';
import { answeredExample, explainedExample } from '../../src/explain/explained-example.js';
import { accessTo } from '../../src/pipelines/create.js';
import type { Pipeline, PipelineName } from '../../src/pipelines/contract.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import { useBackend } from '../helpers/backend.js';
import { EXPLANATIONS, inputOf, readExplanation } from '../helpers/models/explanation-fixtures.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';

/** Of the largest value: float32 arithmetic in another order; gradients pass through as many operations again. */
const TOLERANCE = 2e-5;

beforeAll(async () => void (await useBackend()));

function expectClose(received: ArrayLike<number>, expected: readonly number[], what: string): void {
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - (received[i] as number)) / scale));
  expect({ what, worst: worst <= TOLERANCE ? 'close' : worst, length: received.length }).toEqual({
    what,
    worst: 'close',
    length: expected.length,
  });
}

describe.each(readdirSync(EXPLANATIONS))('%s', (name) => {
  test.each([true, false])('is explained as by PyTorch, compiled where the engine is: %s', async (compile) => {
    const expected = readExplanation(name);
    const pipe = (await pipeline(
      expected.task,
      join(EXPLANATIONS, name),
      compile ? {} : { compile: false },
    )) as Pipeline<PipelineName>;
    const input = inputOf(expected);
    const { asked } = expected;
    const study = explainedExample(await answeredExample(accessTo(pipe), input, asked));
    expect(study.answer.index).toBe(expected.answer);
    expect(study.answer.score).toBeCloseTo(expected.probability, 5);
    expect(study.position).toBe(expected.position);
    expect(study.words.map(({ positions }) => positions)).toEqual(expected.words);

    const layers = await traceExample(study);
    expect(layers).toHaveLength(expected.attention.length);
    layers.forEach(({ attention, gradient }, layer) => {
      expectClose(attention, expected.attention[layer]?.flat(2) ?? [], `attention of layer ${layer}`);
      expectClose(gradient, expected.gradient[layer]?.flat(2) ?? [], `gradient of layer ${layer}`);
    });
    const rows = rowsOf(layers, study);
    expectClose(rows.attention(layers.length - 1, null)(study.position), expected.raw, 'raw attention');
    expectClose(rows.rollout(study.position), expected.rollout, 'rollout');
    expectClose(rows.relevance(study.position), expected.relevance, 'relevance');

    const relevance = await explain(pipe, input, { asked });
    const text = study.sequence.text.ids.length;
    expectClose(
      relevance.words.map(({ score }) => score),
      expected.words.map((word) => word.reduce((sum, at) => sum + (expected.relevance[at] as number), 0)),
      'words',
    );
    expectClose(
      relevance.images.flatMap(({ regions }) => regions.map(({ score }) => score)),
      expected.relevance.slice(text),
      'regions',
    );

    const out = await explain(pipe, input, { asked, method: 'leave-out', pairs: expected.pairs !== undefined });
    expectClose(
      out.words.map(({ score }) => score),
      expected.leaveOut.words.map((fall) => fall ?? 0),
      'words left out',
    );
    expectClose(
      out.images.flatMap(({ regions }) => regions.map(({ score }) => score)),
      expected.leaveOut.regions,
      'regions left out',
    );
    if (expected.pairs !== undefined) expectClose(out.pairs?.flat() ?? [], expected.pairs.flat(), 'pairs');
    await pipe.dispose();
  });
});

describe('explain', () => {
  const answers = { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' };
  const input = { question: 'What is the dog near?', regions: regionsOfImage(1) };

  async function asking(): Promise<Pipeline<'visual-question-answering'>> {
    const folder = await writeCheckpoint('VisualBertForQuestionAnswering', {
      task: 'vqa',
      config: { id2label: answers },
    });
    return pipeline('visual-question-answering', folder, { compile: false });
  }

  test('explains the answer that is named, with boxes, one layer and head at a time', async () => {
    const ask = await asking();
    const { answer, images, words, layer, head } = await explain(ask, input, {
      ...{ answer: 'red', method: 'attention', layer: 1, head: 2 },
    });
    expect([answer.label, answer.index, layer, head]).toEqual(['red', 3, 1, 2]);
    expect(words.map(({ text }) => text)).toEqual(['what', 'is', 'the', 'dog', 'near', '?']);
    expect(images).toMatchObject([{ width: 80, height: 60 }]);
    expect(images[0]?.regions[2]?.box).toEqual([20, 5, 32, 30]);
    const mean = await explain(ask, input, { method: 'attention', layer: 1 });
    const heads = await Promise.all(
      [0, 1, 2, 3].map((one) => explain(ask, input, { method: 'attention', layer: 1, head: one })),
    );
    mean.words.forEach(({ score }, i) =>
      expect(score).toBeCloseTo(heads.reduce((sum, one) => sum + (one.words[i]?.score ?? NaN), 0) / 4, 6),
    );
    await ask.dispose();
  });

  test('refuses what is not there', async () => {
    const ask = await asking();
    await expect(explain(ask, input, { answer: 'blue' })).rejects.toThrow('"blue" is none of the 4 answers');
    await expect(explain(ask, input, { asked: 1 })).rejects.toThrow('expected asked from 0 to 0, received 1');
    await expect(explain(ask, input, { method: 'attention', layer: 2 })).rejects.toThrow('layer from 0 to 1');
    await expect(explain(ask, input, { method: 'attention', head: 4 })).rejects.toThrow('head from 0 to 3');
    await expect(explain(ask, input, { head: 1 })).rejects.toThrow(
      "`layer` and `head` belong to method: 'attention', not to method: 'relevance'",
    );
    await ask.dispose();
    await expect(explain(ask, input)).rejects.toThrow('the pipeline was disposed');
    const folder = await writeCheckpoint('VisualBertModel');
    const extract = await pipeline('feature-extraction', folder, { compile: false });
    await expect(explain(extract, { text: 'a dog' })).rejects.toThrow('gives no answer');
    await extract.dispose();
  });

  test('disposes its tensors', async () => {
    const ask = await asking();
    const before = tf.memory().numTensors;
    await explain(ask, input);
    await explain(ask, input, { method: 'leave-out', pairs: true });
    expect(tf.memory().numTensors).toBe(before);
    await ask.dispose();
  });
});
