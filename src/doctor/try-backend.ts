// A program: computes a product of matrices and its gradient on one backend and prints a BackendTrial and facts about the engine. Runs in a process
// of its own because a backend that does not fit the machine may crash it.
import { tf } from '#tf';
import { engineInfo } from '../engine/info.js';
import { type BackendName, selectBackend } from '../engine/select-backend.js';
import { errorMessage } from '../errors.js';
import type { BackendTrial } from './contract.js';
import { adapterText } from './graphics-cards.js';

/** [[1, 2], [3, 4]] times [[5, 6], [7, 8]], and the gradient of the product's sum by the first, by hand. */
const [PRODUCT, GRADIENT] = ['19,22,43,50', '11,15,11,15'];

/** Rows and columns of the matrices whose product is timed, and how often. */
const [SIZE, ROUNDS] = [768, 8];

/** Slow backends are timed with fewer products. */
const LIMIT_MS = 2000;

async function tryBackend(backend: BackendName): Promise<BackendTrial> {
  try {
    await selectBackend({ backend });
    const [a, b] = [tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])];
    const product = (await tf.matMul(a, b).data()).join();
    const gradient = (
      await tf
        .grad((x) => tf.sum(tf.matMul(x as tf.Tensor2D, b)))(a)
        .data()
    ).join();
    if (product !== PRODUCT) throw new Error(`a product of matrices is ${product}, expected ${PRODUCT}`);
    if (gradient !== GRADIENT) throw new Error(`the gradient of a product is ${gradient}, expected ${GRADIENT}`);
    return {
      backend,
      problem: null,
      gigaflops: await rate(),
      card: backend === 'webgpu' ? await cardOfWebGpu() : null,
    };
  } catch (error) {
    return { backend, problem: errorMessage(error), gigaflops: null, card: null };
  }
}

/** The card that tfjs's backend asks for. */
async function cardOfWebGpu(): Promise<string | null> {
  const { gpu } = navigator as { gpu?: GPU };
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  return adapter ? adapterText(adapter.info) : null;
}

async function rate(): Promise<number> {
  const matrix = tf.ones([SIZE, SIZE]);
  const multiply = async (): Promise<number> => {
    const begin = performance.now();
    await tf.tidy(() => tf.matMul(matrix, matrix)).data();
    return performance.now() - begin;
  };
  let best = await multiply();
  for (let round = 1; round < ROUNDS && best * round < LIMIT_MS; round++) best = Math.min(best, await multiply());
  return (2 * SIZE ** 3) / (best * 1e6);
}

const backend = process.argv[2] as BackendName;
const trial = await tryBackend(backend);
process.stdout.write(`${JSON.stringify({ trial, engine: backend === 'tensorflow' ? await engineInfo() : null })}\n`);
