// The rate of a large matrix product on this machine, and the operations of a training step: their ratio is the efficiency.
import { tf } from '#tf';
import * as api from '../../src/node.js';

/** Products in one run: enough to make the start of the run negligible. */
const CHAIN = 8;
/** Number of runs, of which the fastest is used. */
const REPEATS = 4;

/** GFLOP per second of products of square matrices in one precision, the best of several runs. */
export async function matmulRate({
  precision,
  side,
}: {
  precision: 'fp32' | 'bf16';
  side: number;
}): Promise<{ gflops: number }> {
  const values = (): tf.Variable => tf.tidy(() => tf.variable(tf.randomUniform([side, side], -1 / side, 1 / side)));
  const state = await api.createState(
    new Map([
      ['a', values()],
      ['b', values()],
    ]),
  );
  const [a, b] = [...state.variables.values()] as [tf.Variable, tf.Variable];
  const chain = api.compile(
    () => {
      let product: tf.Tensor = a;
      for (let i = 0; i < CHAIN; i++) product = tf.matMul(product, b);
      return { sum: tf.sum(product) };
    },
    { state, precision, name: 'products' },
  );
  await chain({});
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const begin = performance.now();
    await chain({});
    best = Math.min(best, performance.now() - begin);
  }
  await state.dispose();
  tf.dispose([a, b]);
  return { gflops: (CHAIN * 2 * side ** 3) / best / 1e6 };
}

/** GFLOP of the matrix products of one VisualBERT base training step (forward, and twice that backward) with the VQA head. */
export function stepGflop(
  batch: number,
  text: number,
  regions: number,
  { hidden = 768, layers = 12, width = 2048, answers = 3129 } = {},
): number {
  const s = text + regions;
  const layer = 2 * s * (4 * hidden * hidden + 8 * hidden * hidden) + 4 * s * s * hidden;
  const forward = batch * (layers * layer + 2 * regions * width * hidden + 2 * hidden * answers);
  // The projection's input needs no gradient.
  return (3 * forward - batch * 2 * regions * width * hidden) / 1e9;
}
