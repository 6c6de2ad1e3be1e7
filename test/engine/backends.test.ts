// The three backends: the native engine, WebAssembly and plain JavaScript give the same numbers.
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../src/errors.js';
import { loadNative } from '../../src/engine/load/native.js';
import { requireGpu, selectBackend, type BackendName, type BackendOptions } from '../../src/engine/select-backend.js';
import { useBackend } from '../helpers/backend.js';

const { backend: best, reason } = await useBackend();
const onEngine = best === 'tensorflow' ? test : test.skip;
if (best !== 'tensorflow') process.stderr.write(`tests of the native engine are skipped: ${reason}\n`);

describe('backends', () => {
  test.each<BackendName>(['tensorflow', 'wasm', 'cpu'])('%s multiplies matrices', async (backend) => {
    if (backend === 'tensorflow' && best !== 'tensorflow') return;
    expect(await selectBackend({ backend })).toEqual({ backend });
    const product = tf.tidy(() => tf.matMul(tf.tensor2d([[1, 2, 3]]), tf.tensor2d([[4], [5], [6]])));
    expect(Array.from(await product.data())).toEqual([32]);
    product.dispose();
  });

  onEngine('a tensor read back is an array of this realm', async () => {
    await selectBackend({ backend: 'tensorflow' });
    const sum = tf.add(tf.tensor1d([1, 2]), 1);
    expect(sum.dataSync()).toBeInstanceOf(Float32Array);
    expect(sum.dataSync()).toEqual(Float32Array.of(2, 3));
  });

  onEngine('an error of TensorFlow is an EngineError of this realm', async () => {
    await selectBackend({ backend: 'tensorflow' });
    const { binding } = loadNative();
    expect(() => binding.executeOp('NoSuchOp', [], [], 1)).toThrow(EngineError);
  });

  onEngine('settings of the engine are chosen once, and a later wish for others is refused', async () => {
    const { threads, interOpThreads, xla, gpuMemoryGrowth, device } = loadNative().info;
    const present = { threads, interOpThreads, xla, gpuMemoryGrowth, device };
    expect({ interOpThreads, xla, gpuMemoryGrowth }).toEqual({ interOpThreads: 1, xla: false, gpuMemoryGrowth: true });
    await selectBackend(present);
    await selectBackend({ threads: 0 }); // 0 asks for nothing
    const others: BackendOptions[] = [
      { threads: threads + 1 },
      { interOpThreads: 3 },
      { xla: true },
      { gpuMemoryGrowth: false },
      { device: device === 'cpu' ? 'gpu' : 'cpu' },
    ];
    for (const other of others)
      await expect(selectBackend(other)).rejects.toThrow(/cannot change to .*before the first tensor/);
  });

  test.each([{ threads: -1 }, { threads: 1.5 }, { interOpThreads: NaN }])(
    'refuses %p as a number of threads',
    async (wish) => {
      await expect(selectBackend(wish)).rejects.toThrow(/expected a whole number of at least 0/);
    },
  );

  test.each<[BackendOptions, RegExp]>([
    [{ backend: 'webgl' as BackendName }, /^backend: expected tensorflow, webgpu, wasm, cpu, received 'webgl'/],
    [{ device: 'tpu' as 'gpu' }, /^device: expected one of cpu, gpu, received "tpu"/],
    [{ backend: 'wasm', device: 'gpu' }, /^device gpu: only the native engine has devices, received backend wasm/],
    [{ backend: 'wasm', threads: -1 }, /^threads: expected a whole number/],
  ])('%p is refused by name', async (wish, message) => {
    await expect(selectBackend(wish)).rejects.toThrow(message);
    await expect(selectBackend(wish)).rejects.toThrow(EngineError);
  });

  test('a GPU engine that finds no GPU does not compute on the CPU in silence', () => {
    expect(() => requireGpu('gpu', () => false)).toThrow(/finds no GPU to compute on.*engine info/);
    expect(() => requireGpu('gpu', () => true)).not.toThrow();
    expect(() => requireGpu('cpu', () => false)).not.toThrow();
    expect(() => requireGpu(undefined, () => false)).not.toThrow();
  });

  onEngine('native memory is given back when tensors are disposed', async () => {
    await selectBackend({ backend: 'tensorflow' });
    const { binding } = loadNative();
    const before = binding.getNumOfTensors();
    for (let i = 0; i < 10; i++) tf.tidy(() => tf.sum(tf.ones([100, 200])).dataSync());
    expect(binding.getNumOfTensors()).toBe(before);
  });
});
