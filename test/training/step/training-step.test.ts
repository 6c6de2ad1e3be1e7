import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { type TrainingStep } from '../../../src/training/step/contract.js';
import { type TrainingStepOptions } from '../../../src/training/step/options.js';
import { linearModel } from './linear-model.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

interface Fixture {
  options: Required<Pick<TrainingStepOptions, 'learningRate' | 'weightDecay' | 'warmupSteps' | 'totalSteps'>>;
  shapes: Record<string, number[]>;
  start: Record<string, number[]>;
  gradients: Record<string, number[]>[];
  adamw: {
    parameters: Record<string, number[]>[];
    norms: number[];
    exp_avg: Record<string, number[]>;
    exp_avg_sq: Record<string, number[]>;
  };
  adamwUnclipped: Fixture['adamw'];
  bertadam: { parameters: Record<string, number[]>[] };
}

const fixture = JSON.parse(readFileSync('test/fixtures/training/optimizer.json', 'utf8')) as Fixture;
const shapeOf = (name: string): number[] => fixture.shapes[name] as number[];
const opened: { step: TrainingStep; model: ReturnType<typeof linearModel> }[] = [];

beforeAll(() => tf.setBackend('cpu'));
afterEach(async () => {
  for (const { step, model } of opened.splice(0)) {
    await step.dispose();
    model.dispose();
  }
});

async function start(
  options: TrainingStepOptions,
): Promise<{ step: TrainingStep; model: ReturnType<typeof linearModel> }> {
  const model = linearModel(
    Object.fromEntries(Object.entries(fixture.start).map(([name, values]) => [name, { shape: shapeOf(name), values }])),
  );
  const step = await createTrainingStep(model, { ...fixture.options, compile: false, ...options });
  opened.push({ step, model });
  return { step, model };
}

/** Inputs whose gradient is exactly `index`'s of the fixture, as a batch of one. */
function batch(
  index: number,
  scale = 1,
  count = 1,
): Record<string, { dtype: 'float32'; shape: number[]; data: Float32Array }> {
  return Object.fromEntries(
    Object.entries(fixture.gradients[index] as Record<string, number[]>).map(([name, values]) => [
      name,
      {
        dtype: 'float32' as const,
        shape: [count, ...shapeOf(name)],
        data: Float32Array.from(Array.from({ length: count }, () => values.map((value) => value * scale)).flat()),
      },
    ]),
  );
}

function expectClose(
  model: ReturnType<typeof linearModel>,
  expected: Record<string, number[]>,
  tolerance = 2e-6,
): void {
  for (const [name, values] of Object.entries(expected)) {
    const actual = (model.namedParameters().get(name) as tf.Variable).dataSync();
    values.forEach((value, i) => expect(Math.abs((actual[i] as number) - value)).toBeLessThanOrEqual(tolerance));
  }
}

describe('createTrainingStep', () => {
  test.each([
    ['adamw', 'adamw', 1],
    ['adamw without clipping', 'adamwUnclipped', Infinity],
  ] as const)('follows torch.optim.%s with groups, warmup and decay', async (_, key, maxGradNorm) => {
    const { step, model } = await start({ maxGradNorm });
    for (const [index, expected] of fixture[key].parameters.entries()) {
      const { gradientNorm } = await step.run(batch(index));
      expect(gradientNorm).toBeCloseTo(fixture[key].norms[index] as number, 4);
      expectClose(model, expected);
    }
  });

  test("follows the authors' BertAdam: no correction, each gradient clipped by itself", async () => {
    const { step, model } = await start({ optimizer: 'bertadam' });
    for (const [index, expected] of fixture.bertadam.parameters.entries()) {
      await step.run(batch(index));
      expectClose(model, expected);
    }
  });

  test('accumulated batches give the update of one large batch, whatever their sizes', async () => {
    const whole = await start({ maxGradNorm: 1 });
    const parts = await start({ maxGradNorm: 1 });
    for (const index of [1, 2, 3]) {
      const one = await whole.step.run(batch(index));
      // (1 * 4g + 3 * 0g) / 4 = g
      const two = await parts.step.run([batch(index, 4, 1), batch(index, 0, 3)]);
      expect(two.loss).toBeCloseTo(one.loss, 4);
      expect(two.gradientNorm).toBeCloseTo(one.gradientNorm, 4);
    }
    for (const [name, variable] of whole.model.namedParameters()) {
      expectClose(parts.model, { [name]: [...variable.dataSync()] });
    }
  });

  test('accumulates gradients of batches that train other parameters: what one batch lacks keeps its sum, and no older one', async () => {
    const whole = await start({ maxGradNorm: 1 });
    const parts = await start({ maxGradNorm: 1 });
    /** `doubled` has its whole gradient here, `missing` has none, all others half of theirs. */
    const part = (index: number, doubled: string, missing: string): ReturnType<typeof batch> => {
      const inputs = { ...batch(index), [doubled]: batch(index, 2)[doubled] };
      return Object.fromEntries(Object.entries(inputs).filter(([name]) => name !== missing)) as ReturnType<
        typeof batch
      >;
    };
    for (const [index, first, second] of [
      [0, 'dense.bias', 'dense.weight'],
      [1, 'dense.weight', 'dense.bias'],
    ] as const) {
      const one = await whole.step.run(batch(index));
      const two = await parts.step.run([part(index, first, second), part(index, second, first)]);
      expect(two.gradientNorm).toBeCloseTo(one.gradientNorm, 4);
    }
    for (const [name, variable] of whole.model.namedParameters()) {
      expectClose(parts.model, { [name]: [...variable.dataSync()] });
    }
  });

  test('refuses an update without examples', async () => {
    const { step } = await start({});
    await expect(step.run([])).rejects.toThrow(/at least one example, received 0 empty batches/);
    await expect(step.run(batch(0, 1, 0))).rejects.toThrow(/at least one example/);
    expect(step.step).toBe(0);
  });

  test('skips a parameter without gradient whole, decay too', async () => {
    const { step, model } = await start({ weightDecay: 0.5, warmupSteps: 0 });
    const inputs = batch(0);
    await step.run({ 'dense.bias': inputs['dense.bias'] });
    expectClose(model, { 'dense.weight': fixture.start['dense.weight'] as number[] }, 0);
  });

  test('leaves frozen parameters alone, and names a pattern that freezes nothing', async () => {
    const { step, model } = await start({ freeze: ['LayerNorm.*'], warmupSteps: 0 });
    await step.run(batch(0));
    expectClose(model, { 'LayerNorm.weight': fixture.start['LayerNorm.weight'] as number[] }, 0);
    await expect(start({ freeze: ['no.such.*'] })).rejects.toThrow(
      /^freeze: no parameter matches no\.such\.\*; namedParameters\(\) lists the names, such as \S+, and/,
    );
  });

  test('goes on from a saved state as if it had never stopped', async () => {
    const dir = temporaryFolder();
    const first = await start({ maxGradNorm: 1, emaDecay: 0.9 });
    for (const index of [0, 1, 2]) await first.step.run(batch(index));
    await first.step.saveState(dir);
    const weights = [...first.model.namedParameters()].map(([name, v]) => [
      name,
      { shape: v.shape, values: [...v.dataSync()] },
    ]);
    const model = linearModel(Object.fromEntries(weights) as Parameters<typeof linearModel>[0]);
    const step = await createTrainingStep(model, { emaDecay: 0.9, maxGradNorm: 1, weightDecay: 0.1, compile: false });
    opened.push({ step, model });
    await step.loadState(dir);
    expect(step.step).toBe(3);
    for (const index of [3, 4, 5]) {
      expect(await step.run(batch(index))).toEqual(await first.step.run(batch(index)));
    }
    for (const [name, v] of first.model.namedParameters()) expectClose(model, { [name]: [...v.dataSync()] }, 0);
  });

  test('refuses the state of another optimizer or model', async () => {
    const dir = temporaryFolder();
    const { step } = await start({});
    await step.saveState(dir);
    const other = await start({ optimizer: 'bertadam' });
    await expect(other.step.loadState(dir)).rejects.toThrow(/holds the state of adamw/);
    const frozen = await start({ freeze: ['dense.bias'] });
    await expect(frozen.step.loadState(dir)).rejects.toThrow(
      /belongs to another model: "exp_avg.dense.bias" is unexpected/,
    );
  });

  test('keeps a moving average and gives it out on request only', async () => {
    const { step, model } = await start({ emaDecay: 0.75, schedule: 'constant', warmupSteps: 0 });
    const before = fixture.start['dense.bias'] as number[];
    await step.run(batch(0));
    const after = [...(model.namedParameters().get('dense.bias') as tf.Variable).dataSync()];
    await step.withAverage(async () => {
      expectClose(model, { 'dense.bias': before.map((value, i) => value + 0.25 * ((after[i] as number) - value)) });
    });
    expectClose(model, { 'dense.bias': after }, 0);
  });

  test('a non-finite update changes nothing when asked to skip it', async () => {
    const { step, model } = await start({ skipNonFinite: true, warmupSteps: 0 });
    const { loss } = await step.run(batch(0, NaN));
    expect(loss).toBeNaN();
    expectClose(model, fixture.start, 0);
    await step.run(batch(0));
    expect((model.namedParameters().get('dense.bias') as tf.Variable).dataSync()[0]).not.toBe(
      fixture.start['dense.bias']?.[0],
    );
  });

  test('does not leak tensors and frees everything it made', async () => {
    const before = tf.memory().numTensors;
    const { step, model } = await start({ emaDecay: 0.5, maxGradNorm: 1 });
    await step.run(batch(0));
    await step.run([batch(0), batch(1)]);
    const during = tf.memory().numTensors;
    await step.run(batch(2));
    await step.run([batch(3), batch(4)]);
    expect(tf.memory().numTensors).toBe(during);
    opened.pop();
    await step.dispose();
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  test('runs calls in their order when they are not awaited, and none after dispose', async () => {
    const { step } = await start({});
    const rates = await Promise.all([0, 1, 2].map((index) => step.run(batch(index))));
    expect(rates.map(({ learningRate }) => learningRate)).toEqual([0, 0.005, 0.01]);
    await Promise.all([step.dispose(), step.dispose()]);
    await step.dispose();
    await expect(step.run(batch(0))).rejects.toThrow(/was disposed/);
  });

  test('makes updates of several batches as a whole and in order, awaited or not, past one that fails', async () => {
    const ends: unknown[] = [];
    for (const isAwaited of [true, false]) {
      const { step, model } = await start({ maxGradNorm: 1 });
      const updates = [[batch(0), batch(1)], [], batch(2)];
      const results: PromiseSettledResult<unknown>[] = [];
      if (isAwaited) for (const update of updates) results.push(...(await Promise.allSettled([step.run(update)])));
      else results.push(...(await Promise.allSettled(updates.map((update) => step.run(update)))));
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(step.step).toBe(2);
      const weights = await Promise.all([...model.namedParameters().values()].map((variable) => variable.data()));
      ends.push({ results, weights });
    }
    expect(ends[1]).toEqual(ends[0]);
  });

  test('leaves nothing behind when it cannot hold the parameters', async () => {
    const model = linearModel({ weight: { shape: [2], values: [1, 2] } });
    const before = tf.memory().numTensors;
    const held = {
      ...model,
      holdParameters: () => {
        throw new Error('held already');
      },
    };
    await expect(createTrainingStep(held, { compile: false })).rejects.toThrow(/held already/);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  test('names what is wrong with an option', async () => {
    await expect(start({ learningRate: -1 })).rejects.toThrow(
      /learningRate: expected a number of at least 0, received -1/,
    );
    await expect(start({ precision: 'bf16' })).rejects.toThrow(
      /createTrainingStep: precision "bf16" needs (the native engine; use fp32 on|compile: true; use fp32 without it)/,
    );
    await expect(createTrainingStep(linearModel({}), { compile: true })).rejects.toThrow(/compile: false/);
  });
});
