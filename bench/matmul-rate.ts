// How fast a plain large matrix product is here, and how many operations a training step needs: their ratio is the efficiency.
import * as tf from '@tensorflow/tfjs';
import * as api from '../src/node.js';

/** Side of the square matrices: large enough that nothing but the product counts. */
const SIDE = 2048;

/** GFLOP per second of a large fp32 product on the current backend, best of several. */
export async function matmulRate({ repeats }: { repeats: number }): Promise<object> {
  await api.selectBackend();
  const [a, b] = [tf.randomUniform([SIDE, SIDE]), tf.randomUniform([SIDE, SIDE])];
  let best = Infinity;
  for (let i = 0; i < repeats; i++) {
    const begin = performance.now();
    const product = tf.matMul(a, b);
    await product.data();
    best = Math.min(best, performance.now() - begin);
    product.dispose();
  }
  tf.dispose([a, b]);
  return { gflops: (2 * SIDE ** 3) / best / 1e6 };
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
