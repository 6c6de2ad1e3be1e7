// On an NVIDIA card: the engine computes on it, loads every CUDA library, and agrees with the CPU.
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { engineInfo } from '../../src/engine/info.js';
import { loadNative } from '../../src/engine/load/native.js';
import { selectBackend } from '../../src/engine/select-backend.js';
import { isRehearsal, selectCard } from '../helpers/machine/card.js';

await selectCard();
const withCard = isRehearsal ? test.skip : test;

describe('the GPU engine', () => {
  withCard('computes on the card', async () => {
    expect(loadNative().binding.isUsingGpuDevice()).toBe(true);
    expect((await engineInfo()).devices).toContain('/device:GPU:0');
  });

  withCard('lacks no CUDA library', async () => {
    const { cuda } = await engineInfo();
    expect(cuda?.driver.present).toBe(true);
    expect(cuda?.libraries.filter((library) => library.state === 'missing')).toEqual([]);
  });

  test('multiplies matrices as plain JavaScript does', async () => {
    const values = Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i));
    const square = async (): Promise<Float32Array> => {
      const product = tf.tidy(() => tf.matMul(tf.tensor2d(values, [64, 64]), tf.tensor2d(values, [64, 64])));
      return (await product.data()) as Float32Array;
    };
    const onCard = await square();
    await selectBackend({ backend: 'cpu' });
    const inJavaScript = await square();
    await selectBackend({ backend: 'tensorflow' });
    // TF32, which cards since Ampere multiply in, has 10 bits of mantissa: 64 products of at most 1.
    onCard.forEach((value, i) => expect(Math.abs(value - (inJavaScript[i] ?? NaN))).toBeLessThan(64 * 2 ** -10));
  });
});
