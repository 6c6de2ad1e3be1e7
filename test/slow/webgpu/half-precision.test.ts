// Products of float16 factors on WebGPU: every rounding, models against PyTorch, and training with a scaled loss, on Dawn over SwiftShader.
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../../src/config/config.js';
import { fused } from '../../../src/fused.js';
import { flattenOutputs } from '../../../src/inference/arrays.js';
import { createEagerRunner } from '../../../src/inference/eager-runner.js';
import { createForwardPass } from '../../../src/inference/open-forward-pass.js';
import { linear } from '../../../src/layers/linear.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { pipeline } from '../../../src/pipelines/pipeline.js';
import { pipeline as nodePipeline } from '../../../src/pipelines/node-pipeline.js';
import { withPrecision } from '../../../src/precision.js';
import { uniformValues } from '../../../src/random/values.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { computeGradients } from '../../../src/training/step/update/gradients.js';
import { normal } from '../../helpers/kernels/kernel-cases.js';
import { describeOnWebGpu } from '../../helpers/machine/webgpu.js';
import { regionsOfImage, writeCheckpoint } from '../../helpers/models/pipeline-models.js';
import { inputsOf, modelOf } from '../../helpers/parity/fixture-model.js';
import { section } from '../../helpers/parity/fixture.js';
import { readFixture } from '../../helpers/parity/fixtures.js';
import { difference, isWithoutGradient, largest, norm } from '../../helpers/parity/parity.js';

/** float16 has 11 bits: the tolerance of fp16 on the native engine, in test/gpu. */
const TOLERANCE = 2 ** -7;

/** The nearest float16, of two equally near ones the even one, by exact arithmetic in float64. */
function half(x: number): number {
  if (Number.isNaN(x) || x === 0) return x;
  if (Math.abs(x) >= 65520) return Math.sign(x) * Infinity;
  const unit = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
  const [below, rest] = [Math.floor(x / unit), x / unit - Math.floor(x / unit)];
  const isUp = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + Number(isUp)) * unit;
}

/** `x y` in float16. */
const product = (x: tf.Tensor, y: tf.Tensor, transposes: readonly boolean[] = []): tf.Tensor =>
  withPrecision('fp16', () => tf.matMul(x, y, transposes[0], transposes[1]));

/** An element of a tensor, its factors rounded. */
async function halves(x: tf.Tensor): Promise<(...at: number[]) => number> {
  const values = await x.data();
  return (...at) => half(values[at.reduce((index, i, axis) => index * (x.shape[axis] ?? 0) + i, 0)] ?? NaN);
}

/** Expects the sums of `inner` products, in float64, but for the rounding of float32 sums in any order. */
async function expectSums(result: tf.Tensor, inner: number, term: (at: number[], k: number) => number): Promise<void> {
  const values = await result.data();
  const { shape } = result;
  const indexOf = (number: number): number[] =>
    shape.map((size, axis) => Math.floor(number / shape.slice(axis + 1).reduce((all, n) => all * n, 1)) % size);
  const expected = Array.from(values, (_, i) => {
    const at = indexOf(i);
    return Array.from({ length: inner }, (_none, k) => term(at, k)).reduce((sum, x) => sum + x, 0);
  });
  expect(largest(difference(values, expected))).toBeLessThan(2e-6 * Math.max(1, largest(expected)));
  expect(values.length).toBeGreaterThan(0);
}

describeOnWebGpu('products of float16 factors', () => {
  test('round every factor as IEEE 754 does: to the nearest, of two to the even one, to infinity, NaN to NaN', async () => {
    const bits = new Uint32Array(1);
    const [float] = [new Float32Array(bits.buffer)];
    const neighbour = (x: number, by: number): number => {
      float[0] = x;
      bits[0] = (bits[0] as number) + by;
      return float[0];
    };
    // All halves, the middle between each and the next one, and the float32 before and after it.
    const positive = Array.from({ length: 0x7c00 }, (_, i) => {
      const exponent = Math.max(1, i >> 10);
      const x = (i < 1024 ? i : 1024 + (i & 1023)) * 2 ** (exponent - 25);
      const middle = x + 2 ** (exponent - 26);
      return [x, middle, neighbour(middle, -1), neighbour(middle, 1)];
    }).flat();
    const values = [...positive, ...positive.map((x) => -x), 1e38, -1e38, Infinity, -Infinity, NaN, 1e-30, -1e-45];
    const x = tf.tensor2d(values, [values.length, 1]);
    const [rounded, transposed] = [product(x, tf.ones([1, 1])), product(tf.ones([1, 1]), x, [false, true])];
    for (const result of [rounded, transposed]) {
      const received = await result.data();
      expect(received.length).toBe(values.length);
      const wrong = values.findIndex((value, i) => !Object.is(half(value) + 0, received[i]));
      expect([values[wrong], received[wrong]]).toEqual([undefined, undefined]);
    }
    tf.dispose([x, rounded, transposed]);
  });

  test('are exact, and their sums float32, beyond the largest half too', async () => {
    const right = tf.tensor2d([[60000], [2049], [4]]); // 2049 becomes 2048
    const result = product(tf.tensor2d([[60000, 1, -512], [0, 2 ** -24, 1]]), right); // prettier-ignore
    expect(Array.from(await result.data())).toEqual([3600000000, 4 + 2 ** -13]);
    right.dispose();
    result.dispose();
  });

  test.each([
    [[45, 21], [21, 13], false, false],
    [[21, 45], [21, 13], true, false],
    [[33, 17], [66, 17], false, true],
    [[3, 7], [5, 3], true, true],
    [[1, 1], [1, 1], false, false],
    [[70, 130], [130, 1], false, false],
    [[4, 35, 9], [4, 9, 34], false, false],
    [[2, 3, 5, 19], [2, 3, 6, 19], false, true],
    [[3, 7, 5], [1, 7, 4], true, false],
    [[7, 5], [3, 5, 4], false, false],
  ] as const)('are those of rounded factors: %j by %j, transposed %j %j', async (left, right, turnsA, turnsB) => {
    const [a, b] = [normal([...left], 'a'), normal([...right], 'b')];
    const result = product(a, b, [turnsA, turnsB]);
    const [x, y] = [await halves(a), await halves(b)];
    const outer = (at: number[], { shape }: tf.Tensor): number[] =>
      shape.slice(0, -2).map((size, axis) => (size === 1 ? 0 : (at[at.length - shape.length + axis] ?? 0)));
    await expectSums(result, left.at(turnsA ? -2 : -1) as number, (at, k) => {
      const [row = 0, column = 0] = at.slice(-2);
      const [ofA, ofB] = [turnsA ? [k, row] : [row, k], turnsB ? [column, k] : [k, column]];
      return x(...outer(at, a), ...ofA) * y(...outer(at, b), ...ofB);
    });
    tf.dispose([a, b, result]);
  });

  test('of a linear layer, with its bias in float32, and its gradients', async () => {
    const [x, weight, bias, dy] = [[45, 21], [13, 21], [13], [45, 13]].map((shape, i) => normal(shape, `${i}`));
    const weights = { weight: weight as tf.Tensor, bias: bias as tf.Tensor };
    const run = (given: tf.Tensor, matrix: tf.Tensor): tf.Tensor => linear(given, { ...weights, weight: matrix });
    const { value, grads } = withPrecision('fp16', () =>
      tf.valueAndGrads((given, matrix) => run(given as tf.Tensor, matrix as tf.Tensor))(
        [x as tf.Tensor, weights.weight],
        dy,
      ),
    );
    const [ofX, ofWeight, ofDy] = await Promise.all([x, weight, dy].map((tensor) => halves(tensor as tf.Tensor)));
    const added = await weights.bias.data();
    if (ofX === undefined || ofWeight === undefined || ofDy === undefined) throw new Error('three tensors');
    await expectSums(value, 22, ([i = 0, j = 0], k) => (k === 21 ? (added[j] as number) : ofX(i, k) * ofWeight(j, k)));
    const [dx, dWeight] = grads as [tf.Tensor, tf.Tensor];
    await expectSums(dx, 13, ([i = 0, j = 0], k) => ofDy(i, k) * ofWeight(k, j));
    await expectSums(dWeight, 45, ([i = 0, j = 0], k) => ofDy(k, i) * ofX(k, j));
    tf.dispose([x, weight, bias, dy, value, ...grads] as tf.Tensor[]);
  });

  test('of the heads of attention', async () => {
    const [b, n, q, s, d] = [2, 3, 37, 41, 5];
    const [x, y, maps] = [normal([b * q, n * d], 'x'), normal([b * s, n * d], 'y'), normal([b, n, q, s], 'maps')];
    const [scores, mixture, transposed] = withPrecision('fp16', () => [
      fused('HeadScores', { x, y }, { b, n })?.[0],
      fused('HeadMixture', { maps, x: y }, { isTransposed: false })?.[0],
      fused('HeadMixture', { maps, x }, { isTransposed: true })?.[0],
    ]) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const [ofX, ofY, ofMaps] = [await halves(x), await halves(y), await halves(maps)];
    await expectSums(scores, d, ([e = 0, head = 0, i = 0, j = 0], k) => {
      return ofX(e * q + i, head * d + k) * ofY(e * s + j, head * d + k);
    });
    await expectSums(mixture, s, ([row = 0, column = 0], k) => {
      const [e, head] = [Math.floor(row / q), Math.floor(column / d)];
      return ofMaps(e, head, row % q, k) * ofY(e * s + k, column);
    });
    await expectSums(transposed, q, ([row = 0, column = 0], k) => {
      const [e, head] = [Math.floor(row / s), Math.floor(column / d)];
      return ofMaps(e, head, k, row % s) * ofX(e * q + k, column);
    });
    tf.dispose([x, y, maps, scores, mixture, transposed]);
  });

  test('leave float32 and whole numbers as they are', async () => {
    const x = tf.tensor2d([[1.0001, 70000]]);
    const outside = tf.matMul(x, tf.tensor2d([[1], [1]]));
    const whole = product(tf.tensor2d([[70001, 1]], undefined, 'int32'), tf.tensor2d([[1], [1]], undefined, 'int32'));
    expect([(await outside.data())[0], (await whole.data())[0]]).toEqual([Math.fround(70001.0001), 70002]);
    expect(() => product(x, x)).toThrow('must match');
    tf.dispose([x, outside, whole]);
  });
});

describeOnWebGpu('a model in float16', () => {
  test.each(['qa', 'region-to-phrase', 'pretraining'])(
    'has the outputs and gradients of PyTorch, as far as its factors have: %s',
    async (name) => {
      const fixture = readFixture(name);
      const model = modelOf(fixture);
      const expected = section(fixture, 'outputs');
      const forward = await createForwardPass(model, { precision: 'fp16' });
      const outputs = await forward.outputs(inputsOf(fixture));
      expect(Object.keys(outputs).sort()).toEqual([...expected.keys()].sort());
      const exact = tf.tidy(() => flattenOutputs(model.forward(inputsOf(fixture))));
      for (const [key, { data }] of expected) {
        const received = (outputs[key] as RawTensor).data;
        expect(largest(difference(received, data))).toBeLessThan(TOLERANCE * Math.max(1, largest(data)));
        // and not of float32
        expect(largest(difference(received, await (exact[key] as tf.Tensor).data()))).toBeGreaterThan(0);
      }
      tf.dispose(exact);
      await forward.dispose();

      const parameters = model.namedParameters();
      const runner = createEagerRunner(parameters, 'fp16');
      const scale = runner.addVariable('scale', [], 256);
      const lossScale = { scale, goodSteps: runner.addVariable('good', []) };
      const context = { training: false, dropoutKey: null };
      const gradients = await runner.prepare(
        (batch) => Object.fromEntries(computeGradients(model, parameters, batch, context, lossScale, null).gradients),
        'gradients',
      )(model.prepareArrays(Object.fromEntries(section(fixture, 'inputs'))).arrays);
      const targets = section(fixture, 'gradients');
      const noise = TOLERANCE * 1e-3 * Math.max(...[...targets.values()].map(({ data }) => norm(data)));
      for (const [key, { data }] of targets) {
        if (isWithoutGradient(key, fixture.meta.class)) continue;
        const apart = norm(difference((gradients[key] as RawTensor).data, data));
        expect([key, apart <= TOLERANCE * norm(data) + noise ? 'within' : apart / norm(data)]).toEqual([key, 'within']);
      }
      expect(targets.size).toBeGreaterThan(10);
      await runner.dispose();
      model.dispose();
    },
  );

  test.each(['qa', 'region-to-phrase'])('is trained to the losses of PyTorch: %s', async (name) => {
    const fixture = readFixture(name);
    const model = modelOf(fixture);
    const { steps = 0, ...options } = fixture.meta.options.training ?? {};
    const step = await createTrainingStep(model, { ...options, precision: 'fp16' });
    const inputs = Object.fromEntries(section(fixture, 'inputs'));
    const losses: number[] = [];
    while (losses.length < steps) {
      const { loss, gradientNorm } = await step.run(inputs);
      if (Number.isFinite(gradientNorm)) losses.push(loss);
    }
    const expected = (fixture.tensors.get('losses') as RawTensor).data;
    expect(largest(difference(losses, expected))).toBeLessThan(TOLERANCE * largest(expected));
    await step.dispose();
    model.dispose();
  });

  test('passes over an update whose scaled gradients overflow, and then makes the updates of float32', async () => {
    const sizes = { hiddenSize: 12, numAttentionHeads: 3, intermediateSize: 20, vocabSize: 40, visualEmbeddingDim: 8 };
    const config = { ...sizes, numHiddenLayers: 1, numLabels: 5, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
    const inputs = {
      inputIds: { dtype: 'int32' as const, shape: [2, 3], data: Int32Array.of(1, 5, 7, 2, 6, 9) },
      visualEmbeds: { dtype: 'float32' as const, shape: [2, 4, 8], data: uniformValues(64, 1, 0, 1) },
      // The gradient of a score is half its label, but for what softmax takes: 65536 times that is beyond float16, 32768 times is not.
      labels: { dtype: 'float32' as const, shape: [2, 5], data: Float32Array.of(3, 0, 0, 0, 0, 0, 0, 0, 3, 0) },
    };
    const ends: number[][] = [];
    const losses: number[][] = [];
    let start: number[] = [];
    const valuesOf = async (model: VisualBertForQuestionAnswering): Promise<number[]> =>
      (await Promise.all([...model.namedParameters().values()].map((one) => one.data()))).flatMap((data) => [...data]);
    for (const precision of ['fp32', 'fp16'] as const) {
      const model = new VisualBertForQuestionAnswering(new VisualBertConfig(config), { seed: 0 });
      start = await valuesOf(model);
      const step = await createTrainingStep(model, { learningRate: 1e-3, maxGradNorm: 1, precision });
      if (precision === 'fp16') {
        const { loss, gradientNorm, lossScale } = await step.run(inputs);
        expect([Number.isFinite(loss), Number.isFinite(gradientNorm), lossScale]).toEqual([true, false, 32768]);
        expect(await valuesOf(model)).toEqual(start);
      }
      const all: number[] = [];
      for (let i = 0; i < 3; i++) {
        const { loss, lossScale } = await step.run(inputs);
        all.push(loss);
        expect(lossScale).toBe(precision === 'fp16' ? 32768 : undefined);
      }
      losses.push(all);
      await step.dispose();
      ends.push(await valuesOf(model));
      model.dispose();
    }
    const [exact, low] = ends as [number[], number[]];
    expect(largest(difference(losses[1] ?? [], losses[0] ?? []))).toBeLessThan(TOLERANCE * largest(losses[0] ?? []));
    expect(norm(difference(exact, start))).toBeGreaterThan(0.01);
    expect(norm(difference(low, exact))).toBeLessThan(0.02 * norm(difference(exact, start))); // as in test/training/step/update
    expect(norm(difference(low, exact))).toBeGreaterThan(0);
  });

  test('answers in a pipeline of a browser with the scores of float16, which the same pipeline has in Node', async () => {
    const config = { id2label: { 0: '<unk>', 1: 'yes', 2: 'no', 3: 'red' } };
    const folder = await writeCheckpoint('VisualBertForQuestionAnswering', { task: 'vqa', config });
    const input = { question: 'What is the dog near?', regions: regionsOfImage(1) };
    const scoresOf = async (create: typeof pipeline, precision: 'fp32' | 'fp16'): Promise<number[]> => {
      const ask = await create('visual-question-answering', folder, { precision });
      const answers = await ask(input, { topK: 3 });
      await ask.dispose();
      return answers.sort((a, b) => a.index - b.index).map(({ score }) => score);
    };
    const [exact, low] = [await scoresOf(pipeline, 'fp32'), await scoresOf(pipeline, 'fp16')];
    const change = largest(difference(low, exact));
    expect([change > 0, change < TOLERANCE]).toEqual([true, true]);
    expect(await scoresOf(nodePipeline, 'fp16')).toEqual(low);
  });
});
