// Runs a compiled step many times with arrays so large that a leak of one per run shows.
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compile } from '../../../src/engine/session/compile.js';
import { createState } from '../../../src/engine/session/state.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { useBackend } from '../../helpers/backend.js';

const [ROWS, WIDTH] = [512, 512]; // 1 MB

/** Bytes of one input. */
const INPUT_BYTES = ROWS * WIDTH * 4;

/** tfjs tensors and resident bytes that `steps` steps added after as many steps of warm-up as a third of them. */
async function growthOver(steps: number): Promise<{ tensors: number; bytes: number }> {
  const w = tf.tidy(() => tf.variable(tf.randomNormal([WIDTH, 3]), true, 'leak.w'));
  const state = await createState(new Map([['w', w]]));
  const moment = state.addVariable('moment', { shape: [WIDTH, 3] });
  const step = compile(
    ({ x, rate }) => {
      const { value, grads } = tf.variableGrads(() => tf.mean(tf.square(tf.matMul(x as tf.Tensor, w))) as tf.Scalar);
      moment.assign(tf.add(tf.mul(moment, 0.9), grads['leak.w'] as tf.Tensor));
      w.assign(tf.sub(w, tf.mul(moment, rate as tf.Tensor)));
      return { loss: value, echo: tf.mul(x as tf.Tensor, 2) };
    },
    { state },
  );
  const rate: RawTensor = { dtype: 'float32', shape: [], data: Float32Array.of(1e-3) };
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const x: RawTensor = {
        dtype: 'float32',
        shape: [ROWS, WIDTH],
        data: new Float32Array(ROWS * WIDTH).fill(i / count),
      };
      await step({ x, rate });
    }
  };
  await run(Math.ceil(steps / 3));
  const before = { tensors: tf.memory().numTensors, bytes: process.memoryUsage.rss() };
  await run(steps);
  const growth = {
    tensors: tf.memory().numTensors - before.tensors,
    bytes: process.memoryUsage.rss() - before.bytes,
  };
  await state.dispose();
  w.dispose();
  return growth;
}

/** The test that both tiers run, each over its own number of steps. */
export function testForLeaks(steps: number): void {
  test(`a compiled step leaks neither tensors nor memory over ${steps} runs`, async () => {
    const choice = await useBackend();
    if (choice.backend !== 'tensorflow') return void process.stdout.write(`skipped: ${choice.reason}\n`);
    const { tensors, bytes } = await growthOver(steps);
    expect(tensors).toBe(0);
    // A kept input or output would be a megabyte a run; JavaScript's own garbage may wait for its collection.
    expect(bytes).toBeLessThan(0.4 * steps * INPUT_BYTES);
  });
}
