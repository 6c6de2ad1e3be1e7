// Single operations of the detectors on unusual inputs, against torchvision, PyTorch and OpenCV.
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { selectBackend } from '../../src/engine/select-backend.js';
import { resizeLinear } from '../../src/pictures/resize-linear.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { createAnchors } from '../../src/vision/boxes/anchors.js';
import { suppress, suppressor } from '../../src/vision/boxes/suppress.js';
import { chooseRegions } from '../../src/vision/detector/choose.js';
import { namedDetector } from '../../src/vision/detector/presets.js';
import { type DetectorNetwork } from '../../src/vision/detector/network.js';
import { propose, rateAnchors } from '../../src/vision/detector/proposals.js';
import { type Convolution, createConvolution, convolve } from '../../src/vision/layers/convolution.js';
import { pixelTable, locateRegions, slicedRegions } from '../../src/vision/layers/region-maps.js';
import { stemPool } from '../../src/vision/layers/resnet.js';
import { boundsOf } from '../../src/vision/layers/bounds.js';
import { createRoiPool } from '../../src/vision/layers/roi-pool.js';
import { useBackend } from '../helpers/backend.js';
import { drawnPicture, readFixture } from '../helpers/parity/fixtures.js';
import { expectNoLeak, toBeCloseToTensor } from '../helpers/tensors.js';
import { alignedCells, regionsOf, ROI_ALIGN_CASES } from './roi-align-cases.js';

const { tensors } = readFixture('parts', 'vision');
const expected = (name: string): RawTensor => tensors.get(name) as RawTensor;
const floats = (name: string): Float32Array => expected(name).data as Float32Array;
const tensorOf = ({ data, shape, dtype }: RawTensor): tf.Tensor => tf.tensor(data, shape, dtype);
/** Means of up to a hundred products in another order. */
const TOLERANCE = 1e-5;

async function expectClose(received: tf.Tensor, name: string): Promise<void> {
  const target = tensorOf(expected(name));
  await toBeCloseToTensor(received, target, TOLERANCE);
  target.dispose();
}

describe('suppression', () => {
  test.each([
    [0.3, 'continuous', '0.3/0'],
    [0.7, 'continuous', '0.7/0'],
    [0.3, 'inclusive', '0.3/1'],
    [0.7, 'inclusive', '0.7/1'],
  ] as const)(
    'at %f, %s: keeps the rows that torchvision keeps, of equal scores the first',
    (threshold, convention, name) => {
      const rows = [...(expected(`nms/${name}`).data as Int32Array)];
      expect(suppress(floats('boxes'), floats('scores'), { threshold, convention })).toEqual(rows);
      const kept: number[] = [];
      suppressor(floats('boxes'), { threshold, convention })(floats('scores'), (row) => kept.push(row));
      expect(kept).toEqual(rows);
    },
  );
});

test('anchors are those of detectron2, and of Detectron with its rounding', () => {
  const options = { sizes: [64, 128], ratios: [0.5, 1, 2], stride: 16 };
  expect(createAnchors(2, 3, { ...options, convention: 'continuous' })).toEqual(floats('anchors/0'));
  expect(createAnchors(2, 3, { ...options, convention: 'inclusive' })).toEqual(floats('anchors/1'));
});

describe('linear resizing', () => {
  test.each(['torch', 'opencv'] as const)('agrees with %s, larger, smaller and down to a pixel', (rule) => {
    for (const [width, height] of [
      [41, 30],
      [13, 9],
      [1, 1],
      [23, 60],
    ] as const) {
      // prettier-ignore
      const values = resizeLinear(drawnPicture(23, 17), { width, height, rule });
      const wanted = floats(`${rule}/${width}/${height}`);
      expect(values.length).toBe(wanted.length);
      values.forEach((value, i) => expect(Math.abs(value - (wanted[i] as number))).toBeLessThan(1e-3)); // of 255
    }
  });
});

describe.each(['best', 'wasm', 'cpu'] as const)('on the %s backend', (backend) => {
  beforeAll(async () => {
    await (backend === 'best' ? useBackend() : selectBackend({ backend }));
  });
  afterAll(async () => {
    await useBackend();
  });

  test.each(ROI_ALIGN_CASES)('RoIAlign with sampling %d, aligned %s, agrees', async (...one) => {
    const [, , name] = one;
    await expectNoLeak(async () => {
      const cells = alignedCells(tensors, one);
      await expectClose(cells, name);
      return [cells];
    });
  });

  test('RoIPool agrees, also where cells are empty or boxes end outside of the map', async () => {
    await expectNoLeak(async () => {
      const cells = tf.tidy(() => {
        const { boxes: given, images } = regionsOf(tensors);
        const boxes = tf.relu(given);
        const map = tf.relu(tensorOf(expected('maps')) as tf.Tensor4D);
        const levels = tf.zeros<tf.Rank.R1>([boxes.shape[0]], 'int32');
        const table = pixelTable([map]);
        const located = locateRegions(boxes, table, { levels, images, scales: [1 / 16] });
        const pool = createRoiPool(table, 14);
        const r = boxes.shape[0];
        const pieces = [slicedRegions(located, 0, 2), slicedRegions(located, 2, r - 2)].map(pool); // as the head takes them
        const some = tf.range(0, 14, 4, 'int32');
        return tf.gather(tf.gather(tf.concat(pieces), some, 1), some, 2);
      });
      await expectClose(cells, 'pool');
      return [cells];
    });
  });

  test('anchors with equal scores are proposed in their order', async () => {
    await expectNoLeak(async () => {
      const boxes = tf.tidy(() => {
        const constant = (bias: number[]): Convolution =>
          createConvolution(tf.zeros<tf.Rank.R4>([bias.length, 2, 1, 1]), tf.tensor1d(bias));
        const proposals = {
          conv: constant([0, 0]),
          objectness: constant([0.5, 0.5, 0.5]),
          deltas: constant([0, 0, 0].flatMap(() => [0.1, -0.2, 0.3, 0.05])),
        };
        const named = namedDetector('coco-r101-fpn');
        // The fixture has maps at strides 16 and 32; those before them get anchors too small to be proposed.
        const config = {
          ...named,
          anchors: { ...named.anchors, sizes: [0.1, 0.1, 32, 64, 0.1] },
          proposals: { ...named.proposals, before: 100, after: 30, minSize: 1 },
        };
        const maps = [[1, 1], [1, 1], [6, 8], [3, 4]].map(([h, w]) => tf.zeros([1, h as number, w as number, 2])); // prettier-ignore
        const network = { proposals } as DetectorNetwork;
        const bounds = maps.map(({ shape: [, h, w] }) => boundsOf([h as number, w as number]));
        const rated = rateAnchors({ maps: maps as tf.Tensor4D[], bounds }, network, config);
        const found = propose(rated, tf.tensor2d([[96, 128]]), config);
        return found.boxes.squeeze<tf.Tensor2D>([0]);
      });
      await expectClose(boxes, 'ties');
      return [boxes];
    });
  });

  test.each([2, 16])('a convolution in groups of %d channels is that of each group alone', async (inputs) => {
    await expectNoLeak(async () => {
      const groups = 12;
      const [whole, parts] = tf.tidy(() => {
        const x = tf.randomNormal<tf.Rank.R4>([2, 5, 6, groups * inputs], 0, 1, 'float32', 1);
        const weight = tf.randomNormal<tf.Rank.R4>([36, inputs, 3, 3], 0, 1, 'float32', 2);
        const bias = tf.range(0, 36) as tf.Tensor1D;
        const own = (i: number): tf.Tensor4D =>
          convolve(
            tf.slice(x, [0, 0, 0, i * inputs], [-1, -1, -1, inputs]),
            createConvolution(tf.slice(weight, [i * 3], [3]), tf.slice(bias, [i * 3], [3])),
            { stride: 2, activation: 'relu' },
          );
        const grouped = convolve(x, createConvolution(weight, bias, groups), { stride: 2, activation: 'relu' });
        const each = Array.from({ length: groups }, (_, i) => own(i));
        return [grouped, tf.concat(each, 3)];
      }) as [tf.Tensor4D, tf.Tensor4D];
      await toBeCloseToTensor(whole, parts, 10 * TOLERANCE); // sums of up to 80
      return [whole, parts];
    });
  });

  test('the stem’s pooling cuts or pads its last window', () => {
    tf.tidy(() => {
      const map: tf.Tensor4D = tf.tile(tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 1, 6, 1]), [1, 3, 1, 1]);
      expect([...stemPool(map, 'cut').dataSync()]).toEqual([3, 5, 6]); // pixels 0-2, 2-4, 4-5
      expect([...stemPool(map, 'padded').dataSync()]).toEqual([2, 4, 6, 2, 4, 6]); // -1 to 1, 1 to 3, 3 to 5; two rows
    });
  });
});

describe('the choice of regions', () => {
  const scale = { x: 2, y: 0.5 };
  const proposals = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 9, 50, 50, 60, 60, 90, 90, 95, 95);
  /** Two classes and the background. */
  const probabilities = Float32Array.of(0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.05, 0.15, 0.8, 0.2, 0.2, 0.6);
  const config = { ...namedDetector('coco-r101-fpn'), classes: 2 };
  const everyClass = {
    ...config.choice,
    rule: 'every-class',
    boxes: 'proposals',
    threshold: 0.5,
    scoresOf: 'class',
  } as const;
  const candidates = { proposals, probabilities, scale, width: 180, height: 50 };

  test('a region suppressed in one class counts by another', () => {
    const choice = { ...everyClass, minScore: 0.19, minBoxes: 0, maxBoxes: 9 };
    const { rows, scores, classes, boxes } = chooseRegions(candidates, { ...config, choice });
    expect(rows).toEqual([0, 1, 3]);
    expect([...scores]).toEqual([0.6, 0.4, 0.2].map(Math.fround));
    expect([...classes]).toEqual([0, 0, 0]); // of equal probabilities the first
    expect([...boxes]).toEqual([0, 0, 20, 5, 0, 0, 20, 4.5, 180, 45, 180, 47.5]); // cut at the picture
  });

  test('a high threshold leaves none, unless some are asked for', () => {
    const none = { ...everyClass, minScore: 0.9, minBoxes: 0, maxBoxes: 9 };
    expect(chooseRegions(candidates, { ...config, choice: none })).toMatchObject({
      rows: [],
      boxes: new Float32Array(),
    });
    expect(chooseRegions(candidates, { ...config, choice: { ...none, minBoxes: 2 } }).rows).toEqual([0, 1]);
    expect(chooseRegions(candidates, { ...config, choice: { ...none, minScore: 0, maxBoxes: 3 } }).rows).toEqual([
      0, 1, 3,
    ]);
  });

  test('the notebook’s choice takes the scores of the next class', () => {
    const choice = { ...everyClass, minScore: 0.7, minBoxes: 0, maxBoxes: 9, scoresOf: 'next-class' } as const;
    expect(chooseRegions(candidates, { ...config, choice }).rows).toEqual([2]); // background
  });

  test('best classes are suppressed more and more leniently, and what remains is handed out', () => {
    const choice = { rule: 'best-class', thresholds: [0.5, 0.95], minScore: 0, minBoxes: 4, maxBoxes: 4 } as const;
    expect(chooseRegions({ ...candidates, moved: proposals }, { ...config, choice }).rows).toEqual([0, 1, 3, 2]);
    const few = { ...choice, thresholds: [0.5] };
    expect(chooseRegions({ ...candidates, moved: proposals }, { ...config, choice: few }).rows).toEqual([0, 3, 2]);
  });

  test('regions below the least score are left out, as long as enough remain', () => {
    const { scores } = chooseRegions({ ...candidates, moved: proposals }, { ...config, choice: { rule: 'best-class', thresholds: [0.5], minScore: 0, minBoxes: 0, maxBoxes: 9 } }); // prettier-ignore
    const [, second = 0] = scores;
    const choice = { rule: 'best-class', thresholds: [0.5], minScore: second, minBoxes: 0, maxBoxes: 9 } as const;
    const rows = (some: object): number[] =>
      chooseRegions({ ...candidates, moved: proposals }, { ...config, choice: { ...choice, ...some } }).rows;
    expect(rows({})).toEqual([0, 3]);
    expect(rows({ minScore: 1 })).toEqual([]);
    expect(rows({ minScore: 1, minBoxes: 1 })).toEqual([0]);
  });
});
