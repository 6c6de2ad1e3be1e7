// transformers itself loads what savePretrained wrote, without a missing or unexpected key, and gives the same logits.
import { beforeAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { SavePretrainedOptions } from '../../../src/models/pretrained/types.js';
import { VisualBertForPreTraining } from '../../../src/models/pre-training.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { VisualBertModel } from '../../../src/models/visual-bert-model.js';
import { useBackend } from '../../helpers/backend.js';
import { findPython, runPython } from '../../helpers/machine/python.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

interface Answer {
  logits: number[];
  missing: string[];
  unexpected: string[];
  mismatched: string[];
}

const FOLDER = 'test/fixtures/checkpoints';
const found = findPython();
const title = 'transformers loads every way of saving and gives the same logits';

let scratch: string;
beforeAll(async () => {
  await useBackend();
  scratch = temporaryFolder();
});

if ('reason' in found) {
  test.skip(`${title} (skipped: ${found.reason})`, () => undefined);
} else {
  test(
    title,
    async () => {
      const { inputs } = JSON.parse(readFileSync(`${FOLDER}/tiny.json`, 'utf8')) as {
        inputs: { input_ids: number[][]; attention_mask: number[][]; visual_embeds: number[][][] };
      };
      const tensors = {
        inputIds: tf.tensor2d(inputs.input_ids, undefined, 'int32'),
        attentionMask: tf.tensor2d(inputs.attention_mask, undefined, 'int32'),
        visualEmbeds: tf.tensor3d(inputs.visual_embeds),
      };
      const vqa = await VisualBertForQuestionAnswering.fromPretrained(`${FOLDER}/tiny-vqa`);
      const pretraining = await VisualBertForPreTraining.fromPretrained(`${FOLDER}/tiny-pretraining-old`);
      const base = await VisualBertModel.fromPretrained(`${FOLDER}/tiny-vqa-bin`);
      const ways: SavePretrainedOptions[] = [
        { format: 'safetensors' },
        { format: 'pytorch' },
        { format: 'safetensors', maxShardSize: '1KB' },
        { format: 'pytorch', maxShardSize: '1KB' },
        { format: 'pytorch', dtype: 'float16' },
        { format: 'safetensors', dtype: 'bfloat16' },
      ];
      const cases: { folder: string; logits: Float32Array; tolerance: number }[] = [];
      for (const [i, way] of ways.entries()) {
        for (const [name, model, logits] of [
          ['vqa', vqa, vqa.forward(tensors).logits],
          ['pretraining', pretraining, pretraining.forward(tensors).predictionLogits],
          ['base', base, base.forward(tensors).lastHiddenState],
        ] as const) {
          const folder = join(scratch, `${name}-${i}`);
          await model.savePretrained(folder, way);
          const tolerance = way.dtype === undefined ? 1e-5 : way.dtype === 'float16' ? 2e-2 : 2e-1;
          cases.push({ folder, logits: (await logits.data()) as Float32Array, tolerance });
        }
      }
      const request = join(scratch, 'request.json');
      writeFileSync(request, JSON.stringify({ folders: cases.map(({ folder }) => folder), inputs }));
      const answers = runPython<Record<string, Answer>>(found.python, 'test/fixtures/run_transformers.py', [request]);
      for (const { folder, logits, tolerance } of cases) {
        const answer = answers[folder];
        expect([folder, answer?.missing, answer?.unexpected, answer?.mismatched]).toEqual([folder, [], [], []]);
        const worst = Math.max(...logits.map((value, k) => Math.abs(value - (answer?.logits[k] ?? NaN))));
        expect([folder, worst < tolerance]).toEqual([folder, true]);
      }
    },
    180_000,
  );
}
