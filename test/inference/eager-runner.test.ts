// The eager runner and its precision, which backends have op by op and which not.
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createEagerRunner, requireEagerPrecision } from '../../src/inference/eager-runner.js';
import { createForwardPass } from '../../src/inference/open-forward-pass.js';
import { currentPrecision } from '../../src/precision.js';
import { createTrainingStep } from '../../src/training/step/eager-step.js';
import { tinyModel } from '../helpers/models/tiny-model.js';

beforeEach(() => tf.setBackend('cpu'));
afterAll(() => tf.removeBackend('webgpu'));

test('runs functions in its precision, and what follows in float32', async () => {
  const found: string[] = [];
  const runner = createEagerRunner(new Map(), 'fp16');
  const run = runner.prepare(({ x }) => {
    found.push(currentPrecision());
    if (x === undefined) throw new Error('no x');
    return { y: tf.neg(x) };
  }, 'negated');
  const { y } = await run({ x: { dtype: 'float32', shape: [1], data: Float32Array.of(2) } });
  expect(y?.data).toEqual(Float32Array.of(-2));
  await expect(run({})).rejects.toThrow('no x');
  expect([...found, currentPrecision()]).toEqual(['fp16', 'fp16', 'fp32']);
  await runner.dispose();
});

test.each([
  ['fp16', 'precision "fp16" needs the native engine or WebGPU; use fp32 on cpu'],
  ['bf16', 'precision "bf16" needs the native engine; use fp32 on cpu'],
] as const)('%s is refused without the device or the engine for it', async (precision, text) => {
  const model = tinyModel('VisualBertForQuestionAnswering');
  await expect(createForwardPass(model, { precision })).rejects.toThrow(text);
  await expect(createTrainingStep(model, { precision })).rejects.toThrow(`createTrainingStep: ${text}`);
  model.dispose();
});

test('WebGPU has float16, but no other low precision', async () => {
  tf.registerBackend('webgpu', () => Object.assign(new tf.KernelBackend(), { dispose: () => undefined })); // computes nothing
  await tf.setBackend('webgpu');
  for (const precision of ['fp32', 'fp16'] as const) expect(() => requireEagerPrecision(precision)).not.toThrow();
  for (const precision of ['bf16', 'int8'] as const) {
    const text = `precision "${precision}" needs the native engine; use fp32 or fp16 on webgpu`;
    expect(() => requireEagerPrecision(precision)).toThrow(text);
  }
});
