// `node dist/bench/webgpu.js`: counts the WebGPU commands of a training step of base size; with `--composed`, without our kernels; with `--fp16`, in
// float16. Results are not read, so a software device is enough: VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json.
import { tf } from '#tf';
import * as api from '../src/node.js';
import { withPrecision } from '../src/precision.js';
import { countGpuCommands, type GpuCommands } from './machine/gpu-commands.js';

const [BATCH, TEXT, REGIONS, FEATURES, ANSWERS] = [8, 20, 36, 2048, 3129];

interface Counts extends Record<'forward' | 'gradients' | 'step', GpuCommands> {
  /** Bytes of all buffers after the steps, which keep what they once had. */
  allInAllBytes: number;
}

const precision = process.argv.includes('--fp16') ? 'fp16' : 'fp32';

/** The commands of one forward pass, one forward and backward pass, and one update, each after one that is not counted. */
async function countStep(layers: number): Promise<Counts> {
  const sizes = { numHiddenLayers: layers, visualEmbeddingDim: FEATURES, numLabels: ANSWERS };
  const initializer = (_: string, shape: readonly number[]): tf.Tensor => tf.zeros([...shape]);
  const model = new api.VisualBertForQuestionAnswering(new api.VisualBertConfig(sizes), { initializer });
  const features = new Float32Array(BATCH * REGIONS * FEATURES);
  const ids = new Int32Array(BATCH * TEXT).fill(1);
  const inputs = {
    inputIds: { dtype: 'int32' as const, shape: [BATCH, TEXT], data: ids },
    attentionMask: { dtype: 'int32' as const, shape: [BATCH, TEXT], data: ids },
    visualEmbeds: { dtype: 'float32' as const, shape: [BATCH, REGIONS, FEATURES], data: features },
    labels: { dtype: 'float32' as const, shape: [BATCH, ANSWERS], data: new Float32Array(BATCH * ANSWERS) },
  };
  const counted = async (run: () => Promise<unknown>): Promise<GpuCommands> => {
    await run();
    takeCounts();
    await run();
    return takeCounts();
  };
  const forward = await counted(async () => {
    const outputs = withPrecision(precision, () => model.forward(inputs, { training: true, seed: 1 }));
    await outputs.loss?.data();
    tf.dispose(Object.values(outputs) as tf.Tensor[]);
  });
  const gradients = await counted(async () => {
    const found = withPrecision(precision, () => api.valueAndGradients(model, inputs, { training: true }));
    tf.dispose([...(await found).gradients.values()]);
  });
  const options = { learningRate: 1e-4, weightDecay: 0.01, maxGradNorm: 1, compile: false, precision } as const;
  const trainingStep = await api.createTrainingStep(model, options);
  const step = await counted(() => trainingStep.run(inputs));
  const { numBytesAllocatedInGPU } = tf.memory() as unknown as { numBytesAllocatedInGPU: number };
  await trainingStep.dispose();
  model.dispose();
  return { forward, gradients, step, allInAllBytes: numBytesAllocatedInGPU };
}

await api.selectBackend({ backend: 'webgpu' });
const takeCounts = countGpuCommands({ isDry: true });
if (process.argv.includes('--composed')) {
  /** Those of tfjs and the random numbers stay. */
  const own = /^(Fused(?!Conv|Depthwise|BatchNorm)|Head|ColumnSums|SumOf|CrossEntropy|KlDivergence)/;
  const names = tf.getKernelsForBackend('webgpu').map(({ kernelName }) => kernelName);
  for (const name of names.filter((one) => own.test(one))) tf.unregisterKernel(name, 'webgpu');
}
const [whole, two, one] = [await countStep(12), await countStep(2), await countStep(1)];
const perLayer = (name: 'forward' | 'gradients' | 'step'): number => two[name].dispatches - one[name].dispatches;
const [forward, both, all] = [perLayer('forward'), perLayer('gradients'), perLayer('step')];
const { dispatches, submissions, reads, readBytes, allocatedBytes } = whole.step;
console.log(`dispatches of an encoder layer: forward ${forward}, backward ${both - forward}, update ${all - both}`);
console.log(`dispatches of a step of 12 layers: ${dispatches} in ${submissions} submissions`);
console.log(`copies to the host: ${reads} of ${readBytes} bytes together`);
console.log(
  `buffers: ${Math.round(whole.allInAllBytes / 1e6)} MB, ${allocatedBytes} bytes of them made by the second step`,
);
