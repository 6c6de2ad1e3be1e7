// Winograd's convolution against TensorFlow's direct one.
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import { createState } from '../../../src/engine/session/state.js';
import { fused } from '../../../src/fused.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';

const { backend, reason } = await useBackend();
if (backend !== 'tensorflow') process.stderr.write(`tests of Winograd's convolution are skipped: ${reason}\n`);
const onEngine = backend === 'tensorflow' ? test : test.skip;

describe("Winograd's convolution", () => {
  onEngine.each([
    ['a map of whole tiles', [1, 8, 4, 5], 7, 1],
    ['maps whose last tiles are cut', [2, 9, 6, 17], 16, 1],
    ['a map that is smaller than a tile', [1, 1, 2, 3], 20, 1],
    ['four interleaved maps', [2, 14, 14, 5], 18, 2],
    ['four interleaved maps of different sizes', [1, 13, 5, 16], 3, 2],
    ['bands of rows', [1, 500, 601, 36], 3, 1],
    ['bands of rows of interleaved maps', [1, 503, 602, 36], 3, 2],
  ] as const)('is that of the direct one: %s', async (_, shape, outputs, dilation) => {
    const count = tf.util.sizeFromShape([...shape]);
    const x = tf.tidy(() => tf.reshape<tf.Rank.R4>(tf.sin(tf.range(0, count)), [...shape]));
    const weights = {
      filter: tf.randomNormal<tf.Rank.R4>([3, 3, shape[3], outputs], 0, 1, 'float32', 2),
      bias: tf.randomNormal<tf.Rank.R1>([outputs], 0, 1, 'float32', 3),
    };
    const state = await createState(new Map());
    const input: RawTensor = { dtype: 'float32', shape: [...shape], data: (await x.data()) as Float32Array };
    for (const isRelu of [false, true]) {
      const convolve = compile(
        (inputs) => ({
          y:
            fused('WinogradConvolution', { x: inputs['x'] as tf.Tensor, ...weights }, { dilation, isRelu })?.[0] ??
            tf.scalar(0),
        }),
        { state, name: 'convolve' },
      );
      const { y } = await convolve({ x: input });
      const options = { strides: 1, pad: 'same', dilations: dilation, activation: isRelu ? 'relu' : 'linear' } as const;
      const direct = tf.fused.conv2d({ x, ...weights, ...options });
      const wanted = (await direct.data()) as Float32Array;
      expect(y?.shape).toEqual(direct.shape);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - (y?.data[i] as number))), 0);
      expect(worst / largest).toBeLessThan(2e-5); // the transforms' constants are up to 8, and cancel
      direct.dispose();
    }
    await state.dispose();
    tf.dispose([x, weights.filter, weights.bias]);
  });
});
