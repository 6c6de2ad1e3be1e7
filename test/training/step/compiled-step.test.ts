// The compiled step against the eager one, on the native engine.
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../../src/config/config.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { VisualBertForVisualReasoning } from '../../../src/models/visual-reasoning.js';
import { uniformValues } from '../../../src/random/values.js';
import { type RawTensor } from '../../../src/raw-tensor.js';
import { filledInputs } from '../../../src/inference/fill-batch.js';
import { createTrainingStep } from '../../../src/training/step/compiled-step.js';
import { type TrainingStepOptions } from '../../../src/training/step/options.js';
import { type TrainingStep } from '../../../src/training/step/contract.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

let hasEngine = false;
beforeAll(async () => {
  const { backend, reason } = await useBackend();
  hasEngine = backend === 'tensorflow';
  if (!hasEngine) process.stderr.write(`skipped: the compiled step needs the native engine (${reason})\n`);
});

const CONFIG = {
  vocabSize: 50,
  hiddenSize: 12,
  numHiddenLayers: 1,
  numAttentionHeads: 4,
  intermediateSize: 17,
  maxPositionEmbeddings: 16,
  visualEmbeddingDim: 10,
};
const OPTIONS: TrainingStepOptions = {
  learningRate: 1e-3,
  weightDecay: 0.01,
  warmupSteps: 2,
  totalSteps: 30,
  maxGradNorm: 1,
  seed: 7,
};
const [T, V, C] = [5, 6, 7];

const qa = (): VisualBertForQuestionAnswering =>
  new VisualBertForQuestionAnswering(new VisualBertConfig({ ...CONFIG, numLabels: C }), { seed: 1 });

const withoutDropout = (): VisualBertForQuestionAnswering =>
  new VisualBertForQuestionAnswering(
    new VisualBertConfig({ ...CONFIG, numLabels: C, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 }),
    { seed: 1 },
  );

/** A batch whose rows have different lengths. */
function batch(step: number, count = 3): Record<string, RawTensor> {
  const ints = (size: number, high: number, salt: number): Int32Array =>
    Int32Array.from(uniformValues(size, step, 0, salt), (value) => Math.floor(value * high));
  const mask = (width: number): Int32Array =>
    Int32Array.from({ length: count * width }, (_, i) => Number(i % width < width - (Math.floor(i / width) % 3)));
  return {
    inputIds: { dtype: 'int32', shape: [count, T], data: ints(count * T, CONFIG.vocabSize, 1) },
    attentionMask: { dtype: 'int32', shape: [count, T], data: mask(T) },
    visualEmbeds: { dtype: 'float32', shape: [count, V, 10], data: uniformValues(count * V * 10, step, 0, 2) },
    visualAttentionMask: { dtype: 'int32', shape: [count, V], data: mask(V) },
    labels: { dtype: 'float32', shape: [count, C], data: uniformValues(count * C, step, 0, 3) },
  };
}

async function parametersOf(model: VisualBertForQuestionAnswering): Promise<Map<string, Float32Array>> {
  return new Map([...(await model.stateDict())].map(([name, { data }]) => [name, Float32Array.from(data)]));
}

/** ||a - b|| <= 1e-3 ||a - start|| per parameter; key biases, whose true gradient is zero, move by rounding noise only. */
function expectSameUpdates(
  a: Map<string, Float32Array>,
  b: Map<string, Float32Array>,
  start: Map<string, Float32Array>,
  tolerance = 1e-3,
): void {
  const distance = (x: Float32Array, y: Float32Array): number =>
    Math.hypot(...x.map((value, i) => value - (y[i] as number)));
  for (const [name, values] of a) {
    if (name.endsWith('key.bias')) continue;
    const moved = distance(values, start.get(name) as Float32Array);
    expect({ name, ok: distance(values, b.get(name) as Float32Array) <= tolerance * moved + 1e-7 }).toEqual({
      name,
      ok: true,
    });
  }
}

async function both(options: TrainingStepOptions, run: (step: TrainingStep) => Promise<unknown>): Promise<unknown[]> {
  const results: unknown[] = [];
  const ends: Map<string, Float32Array>[] = [];
  let start = new Map<string, Float32Array>();
  for (const compile of [false, true]) {
    const model = qa();
    start = await parametersOf(model);
    const step = await createTrainingStep(model, { ...OPTIONS, ...options, compile });
    expect(step.compiled).toBe(compile);
    results.push(await run(step));
    await step.dispose();
    ends.push(await parametersOf(model));
    model.dispose();
  }
  expectSameUpdates(ends[0] as Map<string, Float32Array>, ends[1] as Map<string, Float32Array>, start);
  return results;
}

function expectSameLosses([eager, compiled]: unknown[]): void {
  (eager as number[]).forEach((loss, i) => expect((compiled as number[])[i]).toBeCloseTo(loss, 5));
}

describe('the compiled step', () => {
  test('equals the eager one over 20 steps with dropout, decay, warmup and clipping', async () => {
    if (!hasEngine) return;
    const run = async (step: TrainingStep): Promise<number[]> => {
      const losses: number[] = [];
      for (let i = 0; i < 20; i++) losses.push((await step.run(batch(i))).loss);
      return losses;
    };
    expectSameLosses(await both({}, run));
  });

  test.each([
    ['bertadam', { optimizer: 'bertadam' as const }],
    [
      'frozen embeddings, lower rates below, a moving average',
      { freeze: ['*embeddings*'], layerDecay: 0.5, emaDecay: 0.9 },
    ],
    ['skipping of non-finite updates', { skipNonFinite: true }],
    ['gradient checkpointing', { gradientCheckpointing: true }],
  ])('equals the eager one with %s', async (_, options) => {
    if (!hasEngine) return;
    const run = async (step: TrainingStep): Promise<number[]> => {
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) losses.push((await step.run(batch(i))).loss);
      return losses;
    };
    expectSameLosses(await both(options, run));
  });

  test('really computes encoder layers again under gradient checkpointing: equal operations are not merged', async () => {
    if (!hasEngine) return;
    const count = async (gradientCheckpointing: boolean): Promise<number> => {
      const model = qa();
      const step = await createTrainingStep(model, { ...OPTIONS, gradientCheckpointing });
      await step.run(batch(0));
      const { trace } = await step.profile(batch(0));
      await step.dispose();
      model.dispose();
      return trace.traceEvents.filter(({ ph, name }) => ph === 'X' && /Softmax$/.test(name)).length;
    };
    const [kept, again] = [await count(false), await count(true)];
    expect(kept).toBeGreaterThanOrEqual(CONFIG.numHiddenLayers);
    expect(again).toBe(kept + CONFIG.numHiddenLayers);
  });

  test('passes over a batch that is not finite as if it had not been', async () => {
    if (!hasEngine) return;
    const ends: Map<string, Float32Array>[] = [];
    for (const isInterrupted of [true, false]) {
      const model = withoutDropout();
      const step = await createTrainingStep(model, { learningRate: 1e-3, weightDecay: 0.01, skipNonFinite: true });
      if (isInterrupted) {
        const labels: RawTensor = { dtype: 'float32', shape: [3, C], data: new Float32Array(3 * C).fill(NaN) };
        expect((await step.run({ ...batch(0), labels })).loss).toBeNaN();
      }
      for (let i = 1; i < 3; i++) await step.run(batch(i));
      await step.dispose();
      ends.push(await parametersOf(model));
      model.dispose();
    }
    expect(ends[0]).toEqual(ends[1]);
  });

  test.each([1, Infinity])(
    'lets a loss that is not finite through, as torch does, with maxGradNorm %d',
    async (maxGradNorm) => {
      if (!hasEngine) return;
      const labels: RawTensor = { dtype: 'float32', shape: [3, C], data: new Float32Array(3 * C).fill(NaN) };
      for (const compile of [false, true]) {
        const model = qa();
        const step = await createTrainingStep(model, { learningRate: 1e-3, maxGradNorm, compile });
        expect((await step.run({ ...batch(0), labels })).gradientNorm).toBeNaN();
        await step.dispose();
        const whole = [...(await parametersOf(model))].filter(([, values]) => !values.every(Number.isNaN));
        // The table's rows that nothing looked up have a gradient of 0, which only the factor of clipping makes NaN.
        const rows = ['word_embeddings', 'position_embeddings', 'token_type_embeddings'];
        const partly = maxGradNorm === 1 ? ['pooler'] : ['pooler', ...rows];
        expect(whole.filter(([name]) => !partly.some((part) => name.includes(part))).map(([name]) => name)).toEqual([]);
        model.dispose();
      }
    },
  );

  test('accumulates as the eager one does', async () => {
    if (!hasEngine) return;
    const run = async (step: TrainingStep): Promise<number[]> => {
      const losses: number[] = [];
      for (let i = 0; i < 4; i++) losses.push((await step.run([batch(i), batch(i + 10, 2), batch(i + 20)])).loss);
      return losses;
    };
    expectSameLosses(await both({}, run));
  });

  test('accumulates batches with and without regions as the eager one does', async () => {
    if (!hasEngine) return;
    const run = async (step: TrainingStep): Promise<number[]> => {
      const numbers: number[] = [];
      for (let i = 0; i < 6; i++) {
        const { inputIds, attentionMask, labels } = batch(i + 20);
        const text = { inputIds, attentionMask, labels };
        const { loss, gradientNorm } = await step.run(i % 2 ? [batch(i), text] : [text, batch(i), text]);
        numbers.push(loss, gradientNorm);
      }
      return numbers;
    };
    expectSameLosses(await both({}, run));
  });

  test('a padded batch gives the loss and the update of the short one', async () => {
    if (!hasEngine) return;
    const updates: Map<string, Float32Array>[] = [];
    const losses: number[] = [];
    let start = new Map<string, Float32Array>();
    for (const isPadded of [false, true]) {
      const model = withoutDropout();
      start = await parametersOf(model);
      const step = await createTrainingStep(model, { ...OPTIONS, warmupSteps: 0 });
      const short = { inputs: batch(4, 2), count: 2 };
      losses.push((await step.run(isPadded ? filledInputs(short, 5) : short.inputs)).loss);
      await step.dispose();
      updates.push(await parametersOf(model));
      model.dispose();
    }
    expect(losses[1]).toBeCloseTo(losses[0] as number, 5);
    expectSameUpdates(updates[0] as Map<string, Float32Array>, updates[1] as Map<string, Float32Array>, start);
  });

  test('reads through to the state, refuses forward meanwhile, and goes on exactly from a saved state', async () => {
    if (!hasEngine) return;
    const dir = temporaryFolder();
    const model = qa();
    const step = await createTrainingStep(model, OPTIONS);
    for (let i = 0; i < 3; i++) await step.run(batch(i));
    expect(() => model.forward(batch(0))).toThrow(/step.evaluate\(inputs\), or step.dispose\(\)/);
    await step.saveState(dir);
    await model.savePretrained(dir);
    const { logits } = await step.evaluate(batch(9));
    const losses = [(await step.run(batch(3))).loss, (await step.run(batch(4))).loss];
    await step.dispose();

    const again = await VisualBertForQuestionAnswering.fromPretrained(dir);
    const before = again.forward(batch(9));
    const expected = await (logits as tf.Tensor).data();
    (await before.logits.data()).forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 5));
    const resumed = await createTrainingStep(again, { ...OPTIONS, learningRate: 9 });
    await resumed.loadState(dir);
    expect([(await resumed.run(batch(3))).loss, (await resumed.run(batch(4))).loss]).toEqual(losses);
    await resumed.dispose();
    tf.dispose([logits as tf.Tensor, ...Object.values(before as unknown as Record<string, tf.Tensor>)]);
    model.dispose();
    again.dispose();
  });

  test('trains a two-class head on integer labels, and evaluates without recording the loss when there are none', async () => {
    if (!hasEngine) return;
    const model = new VisualBertForVisualReasoning(new VisualBertConfig(CONFIG), { seed: 2 });
    const step = await createTrainingStep(model, { ...OPTIONS, warmupSteps: 0 });
    const { labels: soft, ...inputs } = batch(1);
    expect(soft?.shape).toEqual([3, C]);
    const labels: RawTensor = { dtype: 'int32', shape: [3], data: Int32Array.of(1, 0, 1) };
    const first = (await step.run({ ...inputs, labels })).loss;
    for (let i = 0; i < 30; i++) await step.run({ ...inputs, labels });
    const outputs = await step.outputs({ ...inputs, labels });
    expect(outputs['loss']?.data[0]).toBeLessThan(first);
    expect(Object.keys(await step.outputs(inputs))).toEqual(['logits']);
    await step.dispose();
    model.dispose();
  });

  test('syncParameters shows the parameters after the calls so far, and keeps the step', async () => {
    if (!hasEngine) return;
    const model = qa();
    const step = await createTrainingStep(model, { ...OPTIONS, warmupSteps: 0 });
    const name = 'cls.bias';
    const values = async (): Promise<number[]> => Array.from((await model.namedParameters().get(name)?.data()) ?? []);
    const before = await values();
    void step.run(batch(0)); // not awaited: syncParameters waits for it
    await step.syncParameters();
    const after = await values();
    expect(after).not.toEqual(before);
    expect(Array.from((await model.stateDict()).get(name)?.data ?? [])).toEqual(after);
    await step.run(batch(1));
    await step.dispose();
    expect(await values()).not.toEqual(after);
    model.dispose();
  });
});
