// Measures memory leaks of training: tensors and resident bytes over many small steps.
import { tf } from '#tf';
import * as api from '../../src/node.js';
import { type RawTensor } from '../../src/node.js';
import { median } from '../report/statistics.js';

const SIZES = {
  vocabSize: 500,
  hiddenSize: 48,
  visualEmbeddingDim: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 96,
  maxPositionEmbeddings: 40,
  numLabels: 20,
};
const [BATCH, TEXT, REGIONS] = [8, 12, 10];
/** Steps before the first reading: caches and pools have their size by then. */
const WARMUP_STEPS = 100;
/** What the allocators may breathe. */
const ALLOWED_GROWTH_BYTES = 8 << 20;

/**
 * Runs `steps` small training steps, eagerly or compiled.
 * `tensors`: growth in tensors; `bytes`: growth in resident memory from a line through the readings of the second half.
 */
export async function checkLeaks({ steps, compiled }: { steps: number; compiled: boolean }): Promise<object> {
  await api.selectBackend();
  const model = new api.VisualBertForQuestionAnswering(new api.VisualBertConfig(SIZES), { seed: 0 });
  const step = await api.createTrainingStep(model, {
    learningRate: 1e-4,
    weightDecay: 0.01,
    maxGradNorm: 1,
    compile: compiled,
  });
  for (let i = 0; i < WARMUP_STEPS; i++) await step.run(batch(i));
  const [tensors, bytes] = [tf.memory().numTensors, resident()];
  const readings: number[] = [];
  for (let i = 0; i < steps; i++) {
    await step.run(batch(i));
    if (i % 10 === 9) readings.push(resident());
  }
  const result = {
    backend: tf.getBackend(),
    tensors: tf.memory().numTensors - tensors,
    bytes: Math.round(median(readings.slice(-10)) - Math.max(bytes, median(readings.slice(0, 10)))),
    allowedBytes: ALLOWED_GROWTH_BYTES,
  };
  await step.dispose();
  model.dispose();
  return result;
}

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function batch(seed: number): Record<string, RawTensor> {
  const noise = api.uniformValues(BATCH * REGIONS * SIZES.visualEmbeddingDim, seed, 0, 1);
  const ids = Int32Array.from({ length: BATCH * TEXT }, (_, i) => 2 + ((i * 31 + seed * 17) % (SIZES.vocabSize - 2)));
  const labels = new Float32Array(BATCH * SIZES.numLabels);
  for (let row = 0; row < BATCH; row++) labels[row * SIZES.numLabels + ((row + seed) % SIZES.numLabels)] = 1;
  return {
    inputIds: { dtype: 'int32', shape: [BATCH, TEXT], data: ids },
    attentionMask: { dtype: 'int32', shape: [BATCH, TEXT], data: new Int32Array(BATCH * TEXT).fill(1) },
    visualEmbeds: { dtype: 'float32', shape: [BATCH, REGIONS, SIZES.visualEmbeddingDim], data: noise },
    visualAttentionMask: { dtype: 'int32', shape: [BATCH, REGIONS], data: new Int32Array(BATCH * REGIONS).fill(1) },
    labels: { dtype: 'float32', shape: [BATCH, SIZES.numLabels], data: labels },
  };
}
