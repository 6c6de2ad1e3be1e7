// Small models of every task with inputs that train them.
import * as tf from '@tensorflow/tfjs';
import type { VisualBertConfig, VisualBertConfigOptions } from '../../../src/config/config.js';
import { VisualBertForMultipleChoice } from '../../../src/models/multiple-choice.js';
import { VisualBertForPreTraining } from '../../../src/models/pre-training.js';
import { VisualBertForQuestionAnswering } from '../../../src/models/question-answering.js';
import { VisualBertForRegionToPhraseAlignment } from '../../../src/models/region-to-phrase-alignment.js';
import { VisualBertForVisualReasoning } from '../../../src/models/visual-reasoning.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { uniformValues } from '../../../src/random/values.js';
import type { RawTensor } from '../../../src/raw-tensor.js';

const [b, c, t, v, d] = [2, 3, 5, 4, 7];
/** Sizes that all differ, so that a swapped axis cannot pass. */
export const TASK_MODEL_SIZES: VisualBertConfigOptions = {
  vocabSize: 23,
  hiddenSize: 12,
  numHiddenLayers: 1,
  numAttentionHeads: 4,
  intermediateSize: 9,
  visualEmbeddingDim: d,
  maxPositionEmbeddings: 11,
  numLabels: 6,
};

const ids = (shape: number[], value: (i: number) => number): RawTensor => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => value(i)),
});
const floats = (shape: number[]): RawTensor => ({
  dtype: 'float32',
  shape,
  data: uniformValues(tf.util.sizeFromShape(shape), 1, 2, 3),
});
const sequence = (...lead: number[]): Record<string, RawTensor> => ({
  inputIds: ids([...lead, t], (i) => (i * 7) % 23),
  attentionMask: ids([...lead, t], (i) => (i === t - 1 ? 0 : 1)),
  visualEmbeds: floats([...lead, v, d]),
  visualAttentionMask: ids([...lead, v], () => 1),
});

type Model = (new (config: VisualBertConfig) => VisualBertPreTrainedModel) & {
  fromPretrained(dir: string): Promise<VisualBertPreTrainedModel>;
};
/** Task, class, inputs with labels. */
export const TASK_MODELS: readonly [string, Model, Record<string, RawTensor>][] = [
  ['question answering', VisualBertForQuestionAnswering, { ...sequence(b), labels: floats([b, 6]) }],
  ['visual reasoning', VisualBertForVisualReasoning, { ...sequence(b), labels: ids([b], (i) => i) }],
  [
    'pre-training',
    VisualBertForPreTraining,
    { ...sequence(b), labels: ids([b, t + v], (i) => (i % 3 ? -100 : i)), sentenceImageLabels: ids([b], (i) => i) },
  ],
  ['multiple choice', VisualBertForMultipleChoice, { ...sequence(b, c), labels: ids([b], (i) => i) }],
  [
    'phrase grounding',
    VisualBertForRegionToPhraseAlignment,
    { ...sequence(b), regionToPhrasePosition: ids([b, 3], (i) => i % 4), labels: floats([b, 3, v]) },
  ],
];
