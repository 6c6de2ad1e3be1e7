// The published checkpoints give the values that transformers' own integration tests hold. Runs where their weights are: in the folder that
// VISUALBERT_CHECKPOINTS names (with visualbert-vqa, visualbert-nlvr2 ... inside), or in the hub's cache; never fetches them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { VisualBertConfig } from '../../src/config/config.js';
import { errorMessage } from '../../src/errors.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import { VisualBertForMultipleChoice } from '../../src/models/multiple-choice.js';
import { VisualBertForPreTraining } from '../../src/models/pre-training.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import { VisualBertForQuestionAnswering } from '../../src/models/question-answering.js';
import { VisualBertForVisualReasoning } from '../../src/models/visual-reasoning.js';
import { useBackend } from '../helpers/backend.js';

/** Of transformers' tests. */
const TOLERANCE = 1e-4;
const IDS = [1, 2, 3, 4, 5, 6];

interface Golden {
  load: (where: string) => Promise<VisualBertPreTrainedModel>;
  inputs: () => ModelInputs;
  /** Output -> [where its values begin and how many, the values]. */
  expected: Record<string, { shape: number[]; begin: number[]; size: number[]; values: number[] }>;
}

/** Six tokens and ten regions of 0.5; everything has the axes `lead` first. */
function inputsOf(width: number, tokenTypeIds: number[], lead: number[]): ModelInputs {
  return {
    inputIds: tf.tile(tf.tensor(IDS, [...lead.map(() => 1), 6], 'int32'), [...lead, 1]),
    tokenTypeIds: tf.tile(tf.tensor(tokenTypeIds, [...lead.map(() => 1), 6], 'int32'), [...lead, 1]),
    attentionMask: tf.ones([...lead, 6], 'int32'),
    visualEmbeds: tf.fill([...lead, 10, width], 0.5),
    visualTokenTypeIds: tf.ones([...lead, 10], 'int32'),
    visualAttentionMask: tf.ones([...lead, 10], 'int32'),
  };
}

const HALVES = [0, 0, 0, 1, 1, 1];
const GOLDEN: Record<string, Golden> = {
  'visualbert-vqa-coco-pre': {
    load: (where) => VisualBertForPreTraining.fromPretrained(where, { localFilesOnly: true }),
    inputs: () => inputsOf(2048, HALVES, [1]),
    expected: {
      predictionLogits: {
        shape: [1, 16, 30522],
        begin: [0, 0, 0],
        size: [1, 3, 3],
        values: [-5.1858, -5.1903, -4.9142, -6.2214, -5.9238, -5.8381, -6.3027, -5.9939, -5.9297],
      },
      seqRelationshipLogits: { shape: [1, 2], begin: [0, 0], size: [1, 2], values: [0.7393, 0.1754] },
    },
  },
  'visualbert-vqa': {
    load: (where) => VisualBertForQuestionAnswering.fromPretrained(where, { localFilesOnly: true }),
    inputs: () => inputsOf(2048, HALVES, [1]),
    expected: {
      logits: {
        shape: [1, 3129],
        begin: [0, 0],
        size: [1, 10],
        values: [-8.9898, 3.0803, -1.8016, 2.4542, -8.342, -2.0224, -3.3124, -4.4139, -3.1491, -3.8997],
      },
    },
  },
  'visualbert-nlvr2': {
    load: (where) => VisualBertForVisualReasoning.fromPretrained(where, { localFilesOnly: true }),
    inputs: () => inputsOf(1024, HALVES, [1]),
    expected: { logits: { shape: [1, 2], begin: [0, 0], size: [1, 2], values: [-1.1436, 0.89] } },
  },
  'visualbert-vcr': {
    load: (where) => VisualBertForMultipleChoice.fromPretrained(where, { localFilesOnly: true }),
    inputs: () => inputsOf(512, [1, 1, 1, 1, 1, 1], [1, 4]),
    expected: {
      logits: { shape: [1, 4], begin: [0, 0], size: [1, 4], values: [-7.7697, -7.7697, -7.7697, -7.7697] },
    },
  },
};

/** Where a checkpoint lies on this machine, or why it cannot be tested. */
async function find(name: string): Promise<{ where: string } | { reason: string }> {
  const folder = process.env['VISUALBERT_CHECKPOINTS'];
  if (folder !== undefined && existsSync(join(folder, name))) return { where: join(folder, name) };
  const where = `uclanlp/${name}`;
  try {
    await VisualBertConfig.fromPretrained(where, { localFilesOnly: true });
    return { where };
  } catch (error) {
    const there = folder === undefined ? 'VISUALBERT_CHECKPOINTS names no folder' : `${folder} has no ${name}`;
    return { reason: `${there}; ${errorMessage(error).slice(0, 200)}` };
  }
}

const places = await Promise.all(
  Object.entries(GOLDEN).map(async ([name, golden]) => [name, { ...golden, found: await find(name) }] as const),
);

beforeAll(async () => {
  await useBackend();
});

describe('the published checkpoints', () => {
  for (const [name, { load, inputs, expected, found }] of places) {
    if ('reason' in found) {
      test.skip(`${name} gives transformers' values (skipped: ${found.reason})`, () => undefined);
      continue;
    }
    test(`${name} gives transformers' values`, async () => {
      const model = await load(found.where);
      expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [], mismatchedKeys: [] });
      const outputs = model.forward(inputs()) as unknown as Record<string, tf.Tensor>;
      for (const [output, { shape, begin, size, values }] of Object.entries(expected)) {
        expect([output, outputs[output]?.shape]).toEqual([output, shape]);
        const part = Array.from(await tf.slice(outputs[output] as tf.Tensor, begin, size).data());
        const worst = values.reduce((max, value, i) => Math.max(max, Math.abs(value - (part[i] as number))), 0);
        expect([output, part, worst < TOLERANCE]).toEqual([output, part, true]);
      }
      model.dispose();
    });
  }
});
