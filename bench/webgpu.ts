// What a training step asks of a WebGPU device, with our kernels and composed of tfjs's: `node dist/bench/webgpu.js`. The counts do not depend on the
// width or the batch, so that a software device serves: VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json.
import * as tf from '@tensorflow/tfjs';
import * as api from '../src/node.js';
import { countGpuCommands, type GpuCommands } from './machine/gpu-commands.js';

/** VisualBERT with the VQA head and 12 heads in a layer. */
const SIZES = {
  hiddenSize: 48,
  numAttentionHeads: 12,
  intermediateSize: 192,
  vocabSize: 100,
  visualEmbeddingDim: 32,
};
const [BATCH, TEXT, REGIONS, ANSWERS] = [2, 5, 6, 10];

type Counts = Record<'forward' | 'gradients' | 'step', GpuCommands>;

/** The commands of one forward pass, one forward and backward pass, and one update, each after one that is not counted. */
async function countStep(layers: number): Promise<Counts> {
  const config = new api.VisualBertConfig({ ...SIZES, numHiddenLayers: layers, numLabels: ANSWERS });
  const model = new api.VisualBertForQuestionAnswering(config, { seed: 0 });
  const ids = Int32Array.from({ length: BATCH * TEXT }, (_, i) => 1 + (i % (SIZES.vocabSize - 1)));
  const features = api.uniformValues(BATCH * REGIONS * SIZES.visualEmbeddingDim, 1, 0, 1);
  const inputs = {
    inputIds: { dtype: 'int32' as const, shape: [BATCH, TEXT], data: ids },
    attentionMask: { dtype: 'int32' as const, shape: [BATCH, TEXT], data: new Int32Array(BATCH * TEXT).fill(1) },
    visualEmbeds: { dtype: 'float32' as const, shape: [BATCH, REGIONS, SIZES.visualEmbeddingDim], data: features },
    labels: { dtype: 'float32' as const, shape: [BATCH, ANSWERS], data: api.uniformValues(BATCH * ANSWERS, 2, 0, 1) },
  };
  const counted = async (run: () => Promise<unknown>): Promise<GpuCommands> => {
    await run();
    takeCounts();
    await run();
    return takeCounts();
  };
  const forward = await counted(async () => {
    const outputs = model.forward(inputs, { training: true, seed: 1 });
    await outputs.loss?.data();
    tf.dispose(Object.values(outputs) as tf.Tensor[]);
  });
  const gradients = await counted(async () =>
    tf.dispose([...(await api.valueAndGradients(model, inputs, { training: true })).gradients.values()]),
  );
  const options = { learningRate: 1e-4, weightDecay: 0.01, maxGradNorm: 1, compile: false };
  const trainingStep = await api.createTrainingStep(model, options);
  const step = await counted(() => trainingStep.run(inputs));
  await trainingStep.dispose();
  model.dispose();
  return { forward, gradients, step };
}

await api.selectBackend({ backend: 'webgpu' });
const takeCounts = countGpuCommands();

async function report(title: string): Promise<void> {
  const [one, two] = [await countStep(1), await countStep(2)];
  const perLayer = (name: keyof Counts): number => two[name].dispatches - one[name].dispatches;
  const [forward, both, step] = (['forward', 'gradients', 'step'] as const).map(perLayer) as [number, number, number];
  const base = one.step.dispatches + 11 * step;
  console.log(
    `${title}: dispatches of an encoder layer: forward ${forward}, backward ${both - forward}, update ${step - both}`,
  );
  console.log(
    `  of a whole step with 12 layers: ${base}; copies to the host: ${two.step.reads} of ${two.step.readBytes} bytes together`,
  );
  console.log(`  bytes of new buffers in a second step of 2 layers: ${two.step.allocatedBytes}`);
}

await report('our kernels');
/** Those of tfjs and the random numbers stay. */
const OWN = /^(Fused|Head|ColumnSums|SumOf|CrossEntropy|KlDivergence)/;
for (const { kernelName } of tf.getKernelsForBackend('webgpu')) {
  if (OWN.test(kernelName)) tf.unregisterKernel(kernelName, 'webgpu');
}
await report('composed');
