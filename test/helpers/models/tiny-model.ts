// Small models of every class and inputs for them; all axes differ: b=2, t=5, v=6, s=11, h=12, n=4, d=3, c=7, choices=3, p=3.
import type * as tf from '@tensorflow/tfjs';
import { VisualBertConfig, type VisualBertConfigOptions } from '../../../src/config/config.js';
import type { ModelInputs } from '../../../src/models/inputs/inputs.js';
import type { ModelOptions } from '../../../src/models/contract.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { uniformValues } from '../../../src/random/values.js';
import { sizeOf } from '../../../src/shapes.js';
import { MODEL_CLASSES } from '../../../src/models/model-classes.js';

export type ModelName = keyof typeof MODEL_CLASSES;
export const MODEL_NAMES = Object.keys(MODEL_CLASSES) as ModelName[];

export const TINY: VisualBertConfigOptions = {
  vocabSize: 30,
  hiddenSize: 12,
  visualEmbeddingDim: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 10,
  maxPositionEmbeddings: 12,
  numLabels: 7,
  initializerRange: 0.3,
};

export function tinyModel(
  name: ModelName,
  config: VisualBertConfigOptions = {},
  options: ModelOptions & { addPoolingLayer?: boolean } = {},
): VisualBertPreTrainedModel {
  return new MODEL_CLASSES[name](new VisualBertConfig({ ...TINY, ...config }), options);
}

/** Fixed values in [-1, 1). */
function values(shape: number[], salt: number): { dtype: 'float32'; shape: number[]; data: Float32Array } {
  return { dtype: 'float32', shape, data: uniformValues(sizeOf(shape), 0, 0, salt).map((x) => 2 * x - 1) };
}

/** Inputs with labels for a class, as raw tensors and lists; the second row ends in a padded token and region. */
export function tinyInputs(name: ModelName): ModelInputs {
  const ids = [
    [3, 8, 12, 29, 4],
    [3, 9, 1, 4, 0],
  ];
  const masks = { attentionMask: [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], visualAttentionMask: [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]] }; // prettier-ignore
  const shared: ModelInputs = { inputIds: ids, ...masks, visualEmbeds: values([2, 6, 8], 1) };
  switch (name) {
    case 'VisualBertModel':
      return shared;
    case 'VisualBertForPreTraining': {
      const labels = [[-100, 8, -100, 2, -100, ...Array<number>(6).fill(-100)], [-100, -100, 5, ...Array<number>(8).fill(-100)]]; // prettier-ignore
      return { ...shared, labels, sentenceImageLabels: [1, 0] };
    }
    case 'VisualBertForQuestionAnswering':
      return { ...shared, labels: [[0, 0.3, 0, 1, 0, 0, 0], [0.6, 0, 0, 0, 0, 0, 0.3]] }; // prettier-ignore
    case 'VisualBertForVisualReasoning':
      return { ...shared, labels: [2, 6] };
    case 'VisualBertForMultipleChoice': {
      const perChoice = (rows: number[][]): number[][][] =>
        rows.map((row) => [row, [...row].reverse(), row.map((x) => x)]);
      const inputIds = ids.map((row) => [row, row.map((id) => (id + 5) % 30), row.map((id) => (id * 3) % 30)]);
      const { attentionMask, visualAttentionMask } = masks;
      const all = { attentionMask: perChoice(attentionMask), visualAttentionMask: perChoice(visualAttentionMask) };
      return { inputIds, ...all, visualEmbeds: values([2, 3, 6, 8], 2), labels: [2, 0] };
    }
    case 'VisualBertForRegionToPhraseAlignment': {
      const labels = values([2, 3, 6], 3);
      labels.data.forEach((x, i) => (labels.data[i] = i % 6 === 5 ? 0 : Math.abs(x)));
      return { ...shared, regionToPhrasePosition: [[1, 3, -1], [2, 2, 0]], labels }; // prettier-ignore
    }
  }
}

/** Whether two tensors hold the same numbers, to a tolerance. */
export async function largestDifference(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const [x, y] = [await a.data(), await b.data()];
  if (`${a.shape}` !== `${b.shape}`) throw new Error(`shapes [${a.shape}] and [${b.shape}] differ`);
  return Array.from(x).reduce((max, value, i) => Math.max(max, Math.abs(value - (y[i] as number))), 0);
}
