// Records training steps as on a GPU, in a process with TensorFlow's GPU libraries and no card, and places their operations. Prints StepPlacement[].
import { tf } from '#tf';
import type { GraphAddon, Handle } from '../../src/engine/load/addon.js';
import { loadNative } from '../../src/engine/load/native.js';
import {
  type ChromeTrace,
  createTrainingStep,
  type OperationTime,
  operationTimes,
  selectBackend,
  VisualBertConfig,
  VisualBertForPreTraining,
  VisualBertForQuestionAnswering,
} from '../../src/node.js';
import { IGNORED_LABEL } from '../../src/scores.js';
import { graphNodes } from './graph-definition.js';
import { type Kernel, readKernels } from './kernels.js';
import { placeOnGpu, type Placement } from './placement.js';

/** One recorded step. */
export interface StepPlacement {
  model: string;
  precision: string;
  placement: Placement;
  /** Loss of the step, run on the CPU with the operations of a card. */
  loss: number;
  /** Operations that a run of the step executes, by type; null without XLA. */
  executed: OperationTime[] | null;
}

const native = loadNative({ device: 'gpu' });
native.binding.isUsingGpuDevice = () => true; // before the first tensor: kernels are chosen by it
const addon = native.graph as GraphAddon;
const { createGraph } = addon;
let graph: Handle<'graph'> | null = null;
addon.createGraph = (...given) => (graph = createGraph(...given));
await selectBackend({ device: 'gpu' });

const [TEXT, REGIONS, DIM] = [6, 4, 16];
const config = (more: object): VisualBertConfig =>
  new VisualBertConfig({
    ...{ vocabSize: 100, hiddenSize: 32, numHiddenLayers: 2, numAttentionHeads: 4, intermediateSize: 64 },
    ...{ visualEmbeddingDim: DIM, ...more },
  });
const ids = (values: number[]): tf.Tensor => tf.tensor2d([values, values], undefined, 'int32');
const shared = { inputIds: ids([2, 7, 8, 9, 10, 3]), visualEmbeds: tf.ones([2, REGIONS, DIM]) };
const hidden = [
  ...Array.from({ length: TEXT }, (_, i) => (i === 2 ? 8 : IGNORED_LABEL)),
  ...Array<number>(REGIONS).fill(IGNORED_LABEL),
];
const CASES = [
  {
    create: () => new VisualBertForQuestionAnswering(config({ numLabels: 5 }), { seed: 0 }),
    inputs: { ...shared, labels: tf.oneHot(tf.tensor1d([1, 3], 'int32'), 5).toFloat() },
  },
  {
    create: () => new VisualBertForPreTraining(config({}), { seed: 0 }),
    inputs: { ...shared, labels: ids(hidden), sentenceImageLabels: tf.tensor1d([0, 1], 'int32') },
  },
];

const registered = new Map<string, Kernel[]>();
const kernelsOf = (type: string): Kernel[] => {
  const known = registered.get(type) ?? readKernels(new Uint8Array(addon.registeredKernels(type)));
  registered.set(type, known);
  return known;
};

/** The third profile: XLA compiles a cluster when it is run for the second time. */
async function executedWithXla(profile: () => Promise<{ trace: ChromeTrace }>): Promise<OperationTime[]> {
  for (let i = 0; i < 2; i++) await profile();
  return operationTimes((await profile()).trace);
}

const placed: StepPlacement[] = [];
for (const { create, inputs } of CASES) {
  for (const precision of ['fp32', 'bf16', 'fp16'] as const) {
    const model = create();
    const step = await createTrainingStep(model, { precision, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 });
    const { loss } = await step.run(inputs);
    if (graph === null) throw new Error('the step made no graph');
    const executed = native.info.xla ? await executedWithXla(() => step.profile(inputs)) : null;
    const placement = placeOnGpu(graphNodes(new Uint8Array(addon.graphDefinition(graph))), kernelsOf);
    placed.push({ model: model.constructor.name, precision, placement, loss, executed });
    await step.dispose();
    model.dispose();
  }
}
console.log(JSON.stringify(placed));
