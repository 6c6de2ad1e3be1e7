// float16 with a scaled loss: the rule of torch.amp.GradScaler, and the compiled step under it.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createTrainingStep } from '../../../../src/training/step/compiled-step.js';
import {
  adjustLossScale,
  GROWTH_INTERVAL,
  INITIAL_LOSS_SCALE,
} from '../../../../src/training/step/update/loss-scale.js';
import { resolveStepOptions, type TrainingStepOptions } from '../../../../src/training/step/options.js';
import { createEagerRunner } from '../../../../src/inference/eager-runner.js';
import { ModelTrainingStep } from '../../../../src/training/step/training-step.js';
import { type TrainingStep } from '../../../../src/training/step/contract.js';
import { type TrainerModel } from '../../../../src/training/loop/trainer-options.js';
import { useBackend } from '../../../helpers/backend.js';
import { pointModel, points, pointTask } from '../../../helpers/tiny-task.js';
import { temporaryFolder } from '../../../helpers/files/temporary-folder.js';

let hasEngine = false;
beforeAll(async () => {
  const { backend, reason } = await useBackend();
  hasEngine = backend === 'tensorflow';
  if (!hasEngine) process.stderr.write(`skipped: float16 needs the native engine (${reason})\n`);
});

const OPTIONS: TrainingStepOptions = { learningRate: 0.01, weightDecay: 0.01, maxGradNorm: 1, seed: 5 };

type Inputs = Parameters<TrainingStep['run']>[0];

/** A batch of eight points; `size` stretches them, and with them the gradients. */
async function batch(number: number, size = 1): Promise<Inputs> {
  const data = points(64, 1);
  const examples = await Promise.all(Array.from({ length: 8 }, (_, i) => data.example(8 * number + i)));
  const stretched = examples.map(({ x, label }) => ({ x: x.map((value) => size * value), label }));
  return (await pointTask.collate(stretched, { seed: 0, epoch: 0, training: true })).inputs as Inputs;
}

async function valuesOf(model: TrainerModel): Promise<number[]> {
  const values = await Promise.all([...model.namedParameters().values()].map((variable) => variable.data()));
  return values.flatMap((array) => [...array]);
}

const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(...a.map((x, i) => x - (b[i] ?? NaN)));

describe('the loss scale', () => {
  test('halves after an update that is not finite, and doubles after 2000 in a row that are', () => {
    const scale = tf.variable(tf.scalar(INITIAL_LOSS_SCALE), false);
    const goodSteps = tf.variable(tf.scalar(GROWTH_INTERVAL - 2), false);
    const after = (isFinite: boolean): number[] => {
      tf.tidy(() => void adjustLossScale({ scale, goodSteps }, tf.scalar(isFinite, 'bool')));
      return [scale.dataSync()[0] as number, goodSteps.dataSync()[0] as number];
    };
    expect(after(true)).toEqual([65536, 1999]);
    expect(after(true)).toEqual([131072, 0]);
    expect(after(true)).toEqual([131072, 1]);
    expect(after(false)).toEqual([65536, 0]);
    tf.dispose([scale, goodSteps]);
  });
});

describe('a step in float16', () => {
  test('follows the eager step under the same scale as closely as float16 allows, also when it accumulates', async () => {
    if (!hasEngine) return;
    const ends: number[][] = [];
    const results: number[][] = [];
    let start: number[] = [];
    for (const isCompiled of [true, false]) {
      const model = pointModel();
      start = await valuesOf(model);
      const options: TrainingStepOptions = { ...OPTIONS, precision: 'fp16' };
      const step = isCompiled
        ? await createTrainingStep(model, options)
        : await ModelTrainingStep.create(
            model,
            resolveStepOptions(options),
            createEagerRunner(model.namedParameters()),
            null,
          );
      const all: number[] = [];
      for (let i = 0; i < 6; i++) {
        const inputs = i % 2 === 0 ? await batch(i) : [await batch(i), await batch(i + 1)];
        const { loss, lossScale } = await step.run(inputs as Inputs);
        all.push(loss);
        expect(lossScale).toBe(INITIAL_LOSS_SCALE);
      }
      await step.dispose();
      results.push(all);
      ends.push(await valuesOf(model));
      model.dispose();
    }
    const [compiled, eager] = ends as [number[], number[]];
    results[1]?.forEach((loss, i) => expect(results[0]?.[i]).toBeCloseTo(loss, 3)); // float16 has 11 bits
    expect(distance(compiled, eager)).toBeLessThan(0.02 * distance(eager, start));
  });

  test('passes over updates that overflow, as if they had not been, and goes on exactly from a saved state', async () => {
    if (!hasEngine) return;
    const model = pointModel();
    const start = await valuesOf(model);
    const step = await createTrainingStep(model, { ...OPTIONS, precision: 'fp16' });
    const scales: number[] = [];
    for (let i = 0; i < 8 && (scales.length === 0 || scales.at(-1) !== scales.at(-2)); i++) {
      const { loss, gradientNorm, lossScale = NaN } = await step.run(await batch(0, 200));
      expect(Number.isFinite(loss)).toBe(true);
      if (!Number.isFinite(gradientNorm)) expect(await valuesOf(model)).toEqual(start);
      scales.push(lossScale);
    }
    expect(scales.length).toBeGreaterThan(2); // the first ones overflowed
    expect(scales.slice(0, 2)).toEqual([INITIAL_LOSS_SCALE / 2, INITIAL_LOSS_SCALE / 4]);

    const plain = pointModel(); // its first update is the one that was carried out at last, of another dropout
    const reference = await createTrainingStep(plain, OPTIONS);
    await reference.run(await batch(0, 200));
    const moved = (values: readonly number[]): number[] =>
      values.map((value, i) => Math.abs(value - (start[i] ?? NaN)));
    const largest = Math.max(...moved(await valuesOf(plain))); // the rate: Adam's first update
    expect(Math.max(...moved(await valuesOf(model)))).toBeCloseTo(largest, 4);
    await reference.dispose();
    plain.dispose();

    const dir = temporaryFolder();
    await step.saveState(dir);
    const values = new Map<string, number[]>();
    for (const [name, variable] of model.namedParameters()) values.set(name, [...(await variable.data())]);
    const expected = [await step.run(await batch(1)), await step.run(await batch(2))];
    await step.dispose();
    model.dispose();

    const again = pointModel();
    for (const [name, variable] of again.namedParameters()) {
      const value = tf.tensor(values.get(name) ?? [], variable.shape);
      variable.assign(value);
      value.dispose();
    }
    const resumed = await createTrainingStep(again, { ...OPTIONS, precision: 'fp16' });
    await resumed.loadState(dir);
    expect([await resumed.run(await batch(1)), await resumed.run(await batch(2))]).toEqual(expected);
    expect(expected[0]?.lossScale).toBe(scales.at(-1));
    await resumed.dispose();
    again.dispose();
  });
});
