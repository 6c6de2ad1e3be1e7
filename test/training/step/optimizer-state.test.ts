// The optimizer state in a file: all of it is restored, and damaged files are errors that name them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { OPTIMIZER_STATE_FILE } from '../../../src/training/step/optimizer-state.js';
import { type TrainingStepOptions } from '../../../src/training/step/options.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { type TrainingStep } from '../../../src/training/step/contract.js';
import { linearModel } from './linear-model.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

beforeAll(() => tf.setBackend('cpu'));

const OPTIONS: TrainingStepOptions = { learningRate: 0.1, beta1: 0.5, beta2: 0.7, epsilon: 0.01, compile: false };
const inputs = (scale: number): Record<string, { dtype: 'float32'; shape: number[]; data: Float32Array }> => ({
  weight: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(scale, -2 * scale) },
});

async function start(values: number[], options: TrainingStepOptions): Promise<[TrainingStep, () => number[]]> {
  const model = linearModel({ weight: { shape: [2], values } });
  const step = await createTrainingStep(model, options);
  return [step, () => [...(model.namedParameters().get('weight') as tf.Variable).dataSync()]];
}

/** A saved state after one update, and the parameters then. */
async function saved(): Promise<{ dir: string; step: TrainingStep; weights: () => number[] }> {
  const dir = temporaryFolder();
  const [step, weights] = await start([1, 2], OPTIONS);
  await step.run(inputs(1));
  await step.saveState(dir);
  return { dir, step, weights };
}

describe('loadState', () => {
  test('says that a folder holds no state', async () => {
    const { step } = await saved();
    await expect(step.loadState('nowhere')).rejects.toThrow(/optimizer\.safetensors: not found; give a folder/);
  });

  test('goes on with the moments of the file and the settings they were made with, instead of those of the step', async () => {
    const { dir, step, weights } = await saved();
    const [other, otherWeights] = await start(weights(), { compile: false });
    await other.run(inputs(0)); // the update is made before the state comes
    await other.loadState(dir);
    expect(other.options).toMatchObject({ beta1: 0.5, beta2: 0.7, epsilon: 0.01, learningRate: 0.1 });
    for (const scale of [3, -1]) expect(await other.run(inputs(scale))).toEqual(await step.run(inputs(scale)));
    expect(otherWeights()).toEqual(weights());
  });

  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['a count below zero', { step: '-3' }, /whole number of steps, found -3/],
    ['no count', { step: undefined }, /whole number of steps, found none/],
    ['more skipped steps than steps', { skipped: '9' }, /9 of 1 steps were skipped/],
    ['options that are not JSON', { options: '{x' }, /"options" as a JSON object, found \{x/],
    ['options that are not an object', { options: 'null' }, /"options" as a JSON object, found null/],
    ['options that lack one', { options: '{"optimizer":"adamw"}' }, /its options have no seed/],
    ['a loss scale that is none', { loss_scale: '{}' }, /loss scale is not a pair of numbers/],
  ])('names a damaged file and leaves the step as it was: %s', async (_, metadata, message) => {
    const { dir, step } = await saved();
    const path = join(dir, OPTIMIZER_STATE_FILE);
    const bytes = readFileSync(path);
    const dataStart = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, dataStart)) as { __metadata__: Record<string, string> };
    const text = Buffer.from(JSON.stringify({ ...header, __metadata__: { ...header.__metadata__, ...metadata } }));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    writeFileSync(path, Buffer.concat([size, text, bytes.subarray(dataStart)]));
    const loading = step.loadState(dir);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(path);
    expect(step.step).toBe(1);
  });
});
