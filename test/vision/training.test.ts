// Training of region detectors: matching, losses and gradients against torchvision; updates eager and compiled.
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type DetectionExample, detectionBatch } from '../../src/vision/training/batch.js';
import {
  boxLoss,
  type BoxTargets,
  classLoss,
  deltasOfClass,
  objectnessLoss,
} from '../../src/vision/training/losses.js';
import { flatRows, matchBoxes, overlaps, sampleBoxes } from '../../src/vision/training/matching.js';
import { TrainableDetector } from '../../src/vision/training/trainable-detector.js';
import { freshNetwork } from '../../src/vision/detector/initial-weights.js';
import { predict } from '../../src/vision/detector/head.js';
import { deltasBetween, HEAD_WEIGHTS, moveBoxes, PROPOSAL_WEIGHTS } from '../../src/vision/boxes/transform.js';
import { convolve } from '../../src/vision/layers/convolution.js';
import { locateRegions, pixelTable } from '../../src/vision/layers/region-maps.js';
import { roiAlign } from '../../src/vision/layers/roi-align.js';
import { RegionDetector } from '../../src/vision/region-detector.js';
import { createTrainingStep } from '../../src/training/step/compiled-step.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { SHAPES_DETECTOR } from '../../examples/shapes/detector.js';
import { useBackend } from '../helpers/backend.js';
import { drawnPicture, readFixture } from '../helpers/parity/fixtures.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

/** Sums in another order. */
const TOLERANCE = 1e-5;
const { tensors } = readFixture('losses', 'vision');
const { backend, reason } = await useBackend();
if (backend !== 'tensorflow') process.stderr.write(`tests of recorded training are skipped: ${reason}\n`);
const onEngine = backend === 'tensorflow' ? test : test.skip;

const raw = (name: string): RawTensor => tensors.get(name) as RawTensor;
const given = <T extends tf.Tensor>(name: string): T => {
  const { data, shape, dtype } = raw(name);
  return tf.tensor(data as Float32Array, [...shape], dtype as 'float32') as T;
};

function expectEqual(received: tf.Tensor, name: string): void {
  const [got, want] = [received.dataSync(), raw(name).data as Float32Array];
  expect([name, got.length]).toEqual([name, want.length]);
  const worst = want.reduce((most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))), 0);
  expect({ name, isNear: worst < TOLERANCE, worst }).toMatchObject({ name, isNear: true });
}

beforeAll(async () => void (await useBackend()));
afterEach(() => tf.disposeVariables());

/** Matches of the fixture's boxes: -1 for nothing, -2 for what is left out. */
function matched(name: 'anchors' | 'proposals'): { isPositive: tf.Tensor1D; matches: tf.Tensor } {
  const matches = given(`${name}/match`);
  return { isPositive: tf.reshape(tf.greaterEqual(matches, 0), [-1]), matches };
}

describe('matching', () => {
  test.each([
    ['anchors', { positive: 0.7, negative: 0.3, keepsBest: true }],
    ['proposals', { positive: 0.5, negative: 0.5, keepsBest: false }],
  ] as const)('%s are to find the objects that torchvision says', (name, options) => {
    tf.tidy(() => {
      const boxes: tf.Tensor3D = tf.tile(tf.expandDims(given<tf.Tensor2D>('boxes')) as tf.Tensor3D, [2, 1, 1]);
      const { isPositive, isNegative, objects } = matchBoxes(overlaps(boxes, given('objects')), options);
      const otherwise = tf.sub(tf.cast(isNegative, 'int32'), tf.scalar(2, 'int32'));
      expectEqual(tf.where(isPositive, objects, otherwise), `${name}/match`);
    });
  });

  test.each([
    ['anchors', PROPOSAL_WEIGHTS],
    ['proposals', HEAD_WEIGHTS],
  ] as const)('deltas of %s are those that move boxes onto objects', (name, weights) => {
    tf.tidy(() => {
      const boxes = tf.tile(given<tf.Tensor2D>('boxes'), [2, 1]);
      const { matches } = matched('anchors');
      const own = tf.maximum(tf.reshape(matches, [2, -1]), tf.scalar(0, 'int32')) as tf.Tensor2D;
      const objects = tf.gather(tf.reshape(given('objects'), [-1, 4]), flatRows(own, 3)) as tf.Tensor2D;
      const deltas = deltasBetween(boxes, objects, weights, 'continuous');
      expectEqual(deltas, `${name}/deltas`);
      const back = moveBoxes(boxes, tf.expandDims(deltas, 1) as tf.Tensor3D, weights, 'continuous');
      expect(tf.max(tf.abs(tf.sub(tf.squeeze(back, [1]), objects))).dataSync()[0]).toBeLessThan(1e-4);
    });
  });

  test('draws the most likely positives up to their number, then negatives, and no others', () => {
    tf.tidy(() => {
      const isPositive = tf.tensor2d([1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0], [2, 6], 'bool');
      const isNegative = tf.tensor2d([0, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0], [2, 6], 'bool');
      const chances = tf.tensor2d([0.2, 0.9, 0.5, 0.1, 0.8, 0.99, 0, 0.3, 0.4, 0.5, 0.6, 0.7], [2, 6]);
      const { rows, isUsed } = sampleBoxes({ isPositive, isNegative }, chances, { count: 4, positives: 2 });
      expect([...rows.dataSync()].slice(0, 4)).toEqual([1, 2, 4, 3]);
      expect([...rows.dataSync()].slice(4, 6)).toEqual([0, 1]);
      expect([...isUsed.dataSync()]).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    });
  });
});

describe('losses and their gradients', () => {
  const targets = (weights: 'anchors' | 'proposals'): BoxTargets => ({
    isUsed: tf.reshape(tf.cast(given('drawn'), 'bool'), [-1]),
    isPositive: matched('anchors').isPositive,
    deltas: tf.reshape(given(`${weights}/deltas`), [-1, 4]),
  });
  const cases: [string, (input: tf.Tensor) => tf.Scalar][] = [
    ['objectness', (logits) => objectnessLoss(tf.reshape(logits, [-1]), targets('anchors'))],
    ['proposals', (deltas) => boxLoss(tf.reshape(deltas, [-1, 4]), targets('anchors'))],
    ['classes', (logits) => classLoss(logits as tf.Tensor2D, given('classes/wanted'), targets('anchors').isUsed)],
    ['boxes', (deltas) => boxLoss(deltasOfClass(deltas as tf.Tensor3D, given('classes/wanted')), targets('proposals'))],
    [
      'attributes',
      (logits) => {
        const wanted = given<tf.Tensor1D>('attributes/wanted');
        const isNamed = tf.logicalAnd(targets('anchors').isUsed, tf.greaterEqual(wanted, 0)) as tf.Tensor1D;
        return classLoss(logits as tf.Tensor2D, wanted, isNamed);
      },
    ],
  ];
  test.each(cases)('%s are those of torchvision', (name, loss) => {
    tf.tidy(() => {
      const { value, grad } = tf.valueAndGrad(loss)(given(`${name}/input`));
      expectEqual(value, `${name}/loss`);
      expectEqual(grad, `${name}/gradient`);
    });
  });

  onEngine(
    'the gradient of a narrow convolution of every second pixel is that of those pixels, whenever it is asked for',
    () => {
      tf.tidy(() => {
        const [h, w, inputs, outputs] = [23, 32, 4, 8];
        const ramp = (shape: [number, number, number, number], step: number): tf.Tensor4D =>
          tf.reshape(
            tf.sin(
              tf.mul(
                tf.range(
                  0,
                  shape.reduce((a, b) => a * b),
                ),
                step,
              ),
            ),
            shape,
          ) as tf.Tensor4D;
        const [x, dy] = [ramp([2, h, w, inputs], 0.7), ramp([2, 12, 16, outputs], 1.3)];
        const [pixels, slopes] = [x.dataSync(), dy.dataSync()];
        const wanted = new Float64Array(inputs * outputs);
        for (let row = 0; row < 2 * 12 * 16; row++) {
          const [b, i, j] = [Math.floor(row / 192), Math.floor(row / 16) % 12, row % 16];
          for (let k = 0; k < inputs * outputs; k++) {
            const at = ((b * h + 2 * i) * w + 2 * j) * inputs + Math.floor(k / outputs);
            wanted[k] =
              (wanted[k] as number) + (pixels[at] as number) * (slopes[row * outputs + (k % outputs)] as number);
          }
        }
        const [filter, bias] = [ramp([1, 1, inputs, outputs], 2), tf.zeros<tf.Rank.R1>([outputs])];
        const own = (of: tf.Tensor): tf.Tensor4D =>
          convolve(x, { filter: of as tf.Tensor4D, bias, groups: 1 }, { stride: 2 });
        expect(own(filter).shape).toEqual(dy.shape);
        for (let call = 0; call < 20; call++) {
          const gradient = tf.grad(own)(filter, dy).dataSync();
          const worst = wanted.reduce((most, value, k) => Math.max(most, Math.abs(value - (gradient[k] as number))), 0);
          expect({ call, isNear: worst < 1e-3, worst }).toMatchObject({ call, isNear: true }); // sums of 384 products
        }
        const [ofPixels] = tf.grads((of: tf.Tensor) => convolve(of as tf.Tensor4D, { filter, bias, groups: 1 }, { stride: 2 }))([x], dy); // prettier-ignore
        const plain = tf.matMul(tf.reshape(dy, [-1, outputs]), tf.reshape(filter, [inputs, outputs]), false, true);
        const found = tf.slice(ofPixels as tf.Tensor4D, [0, 2, 4, 0], [1, 1, 1, -1]).dataSync(); // the second of each, the third of these
        expect([...found].map((v) => v.toFixed(4))).toEqual([...tf.slice(plain, [16 + 2, 0], [1, -1]).dataSync()].map((v) => v.toFixed(4))); // prettier-ignore
        const skipped = tf.slice(ofPixels as tf.Tensor4D, [0, 1, 0, 0], [1, 1, -1, -1]);
        expect(tf.max(tf.abs(skipped)).dataSync()[0]).toBe(0);
      });
    },
  );

  test.each([
    ['aligned', true],
    ['unaligned', false],
  ])('the gradient of RoIAlign, %s, is that of torchvision', (name, isAligned) => {
    tf.tidy(() => {
      const pooled = (maps: tf.Tensor): tf.Tensor => {
        const table = pixelTable([maps as tf.Tensor4D]);
        const located = { levels: tf.zeros<tf.Rank.R1>([7], 'int32'), images: given<tf.Tensor1D>('images'), scales: [0.25] }; // prettier-ignore
        return roiAlign(table, locateRegions(given('regions'), table, located), { bins: 4, sampling: 2, isAligned });
      };
      expectEqual(tf.grad(pooled)(given('maps'), given(`${name}/dy`)), `${name}/gradient`);
    });
  });
});

describe('a detector', () => {
  const config = {
    ...SHAPES_DETECTOR,
    backbone: { ...SHAPES_DETECTOR.backbone, widthPerGroup: 2, stemWidth: 3, stageWidth: 4 },
    pyramid: 6,
    proposals: { ...SHAPES_DETECTOR.proposals, hidden: 5, before: 20, after: 7 },
    head: { kind: 'layers', width: 16 } as const,
  };
  const examples: DetectionExample[] = [
    { image: drawnPicture(96, 96), objects: [{ box: [10, 12, 40, 44], class: 1, attribute: 2 }, { box: [50, 50, 80, 70], class: 4 }] }, // prettier-ignore
    { image: drawnPicture(80, 64), objects: [{ box: [4, 4, 30, 30], class: 0, attribute: 0 }] },
  ];
  const samples = { anchors: { count: 1024, positives: 6 }, proposals: { count: 8, positives: 3 } };

  test('takes boxes to where the resized picture has them', () => {
    const { pictures, boxes, classes, attributes } = detectionBatch(examples, config);
    expect(pictures.shape).toEqual([2, 96, 128, 3]);
    expect([...boxes.data].map(Math.round)).toEqual([10, 12, 40, 44, 50, 50, 80, 70, 6, 6, 45, 45, 0, 0, 0, 0]);
    expect([...classes.data]).toEqual([1, 4, 0, 0]);
    expect([...attributes.data]).toEqual([2, -1, 0, -1]);
    const [example] = examples as [DetectionExample];
    const wrong: DetectionExample = { ...example, objects: [{ box: [0, 0, 9, 9], class: 5 }] };
    expect(() => detectionBatch([wrong], config)).toThrow('index of a class from 0 to 4, received 5');
  });

  test('with one box for all classes predicts what a detector does whose classes have that box each', () => {
    tf.tidy(() => {
      const network = freshNetwork({ ...config, isClassAgnostic: true }, 3);
      const { weight, bias } = network.boxes;
      expect(weight.shape).toEqual([4, 16]);
      const boxes = { weight: tf.tile(weight, [5, 1]), bias: tf.tile(bias, [5]) };
      const seen = tf.reshape(tf.sin(tf.range(0, 48)), [3, 16]) as tf.Tensor2D;
      const { deltas } = predict(seen, network, { ...config, isClassAgnostic: true });
      expect(deltas.shape).toEqual([3, 5, 4]);
      const each = predict(seen, { ...network, boxes }, { ...config, isClassAgnostic: false }).deltas;
      expect([...deltas.dataSync()]).toEqual([...each.dataSync()]);
    });
  });

  test('refuses settings that cannot be trained', () => {
    const sampling = { ...config, pooling: { ...config.pooling, sampling: 0 } };
    expect(() => new TrainableDetector(sampling)).toThrow('pyramid 6, groups 1, sampling 0');
  });

  test('gives every parameter a gradient, which is the slope of the loss', () => {
    const detector = new TrainableDetector(config, { seed: 3, ...samples });
    const parameters = detector.namedParameters();
    tf.tidy(() => {
      const inputs = Object.fromEntries(
        Object.entries(detectionBatch(examples, config)).map(([name, { data, shape, dtype }]) => [
          name,
          tf.tensor(data as Float32Array, [...shape], dtype as 'float32'),
        ]),
      );
      const loss = (): tf.Scalar => detector.compute(inputs, { dropoutKey: null }).loss;
      const { grads } = tf.variableGrads(loss, [...parameters.values()]);
      for (const [name, variable] of parameters) {
        const gradient = grads[variable.name] as tf.Tensor;
        expect({ name, isTrained: tf.sum(tf.abs(gradient)).dataSync()[0] !== 0 }).toEqual({ name, isTrained: true });
      }
      // Along what the losses see first, before anything that jumps: which boxes are drawn, and ReLUs.
      for (const name of [
        'predictor.classes.weight',
        'predictor.boxes.bias',
        'predictor.attributes.weight',
        'proposals.objectness.bias',
      ]) {
        const variable = parameters.get(name) as tf.Variable;
        const gradient = grads[variable.name] as tf.Tensor;
        const [before, length] = [tf.clone(variable), Math.sqrt(tf.sum(tf.square(gradient)).dataSync()[0] as number)];
        const at = (by: number): number => {
          variable.assign(tf.add(before, tf.mul(gradient, by / length)));
          return loss().dataSync()[0] as number;
        };
        const slope = (at(0.02) - at(-0.02)) / 0.04;
        variable.assign(before);
        expect({ name, isNear: Math.abs(slope / length - 1) < 0.02, slope, length }).toMatchObject({ isNear: true });
      }
    });
    detector.dispose();
  });

  onEngine('learns alike eagerly and compiled, and is found again in its folder', async () => {
    const folder = temporaryFolder();
    const losses: number[][] = [];
    for (const compile of [false, true]) {
      const detector = new TrainableDetector(config, { seed: 3, ...samples });
      const step = await createTrainingStep(detector, { learningRate: 3e-3, compile, seed: 5 });
      const batch = detectionBatch(examples, config);
      const own: number[] = [];
      for (let i = 0; i < 4; i++) own.push((await step.run(batch)).loss);
      losses.push(own);
      await detector.savePretrained(join(folder, String(compile)));
      const evaluated = await step.evaluate(batch);
      await step.dispose();
      expect(tf.tidy(() => Object.keys(evaluated)).sort()).toEqual(['attributes', 'boxes', 'classes', 'loss', 'objectness', 'proposals']); // prettier-ignore
      tf.dispose(evaluated as tf.TensorContainer);
      detector.dispose();
    }
    const [eager, compiled] = losses as [number[], number[]];
    eager.forEach((loss, i) => expect(compiled[i]).toBeCloseTo(loss, 3));
    expect(eager[3]).toBeLessThan(eager[0] as number);
    const loaded = await RegionDetector.fromPretrained(join(folder, 'true'), { compile: false });
    expect(loaded.config).toEqual(config);
    const [regions] = await loaded.detect([drawnPicture(96, 96)]);
    expect(regions?.dim).toBe(16);
    await loaded.dispose();
  });
});
