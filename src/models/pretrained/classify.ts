// Infers the class, widths and labels of a checkpoint in transformers' layout from names and shapes.
import { encoderLayerOf } from './parameter-names.js';
import type { StoredTensor, TensorFile } from '../../checkpoint/tensor-file.js';
import { VISUALBERT_MARK } from './match-keys.js';
import { unwrapKeys } from './wrappers.js';

/** The model classes, by transformers' names. */
export type Architecture =
  | 'VisualBertModel'
  | 'VisualBertForPreTraining'
  | 'VisualBertForQuestionAnswering'
  | 'VisualBertForMultipleChoice'
  | 'VisualBertForVisualReasoning'
  | 'VisualBertForRegionToPhraseAlignment';

/** What the tensors of a checkpoint reveal of its configuration; null where they reveal nothing. */
export interface CheckpointTraits {
  architecture: Architecture | null;
  hiddenSize: number | null;
  intermediateSize: number | null;
  numHiddenLayers: number;
  vocabSize: number | null;
  maxPositionEmbeddings: number | null;
  typeVocabSize: number | null;
  visualEmbeddingDim: number | null;
  numLabels: number | null;
  bypassTransformer: boolean;
  /** The classifier has two layers, like MMF's. */
  classifierTransform: boolean;
}

type Tensors = ReadonlyMap<string, Pick<StoredTensor, 'shape'>>;

/** The traits of a checkpoint's keys, with or without the `visual_bert.` prefix. */
export function traitsOf(tensors: Tensors): CheckpointTraits {
  const shapeOf = (key: string): number[] | undefined => (tensors.get(`visual_bert.${key}`) ?? tensors.get(key))?.shape;
  const layers = [...tensors.keys()].map((key) => encoderLayerOf(key) ?? -1);
  return {
    architecture: architectureOf(tensors),
    hiddenSize: shapeOf('embeddings.word_embeddings.weight')?.[1] ?? null,
    intermediateSize: shapeOf('encoder.layer.0.intermediate.dense.weight')?.[0] ?? null,
    numHiddenLayers: Math.max(-1, ...layers) + 1,
    vocabSize: shapeOf('embeddings.word_embeddings.weight')?.[0] ?? null,
    maxPositionEmbeddings: shapeOf('embeddings.position_embeddings.weight')?.[0] ?? null,
    typeVocabSize: shapeOf('embeddings.token_type_embeddings.weight')?.[0] ?? null,
    visualEmbeddingDim: shapeOf('embeddings.visual_projection.weight')?.[1] ?? null,
    numLabels: tensors.get('cls.weight')?.shape[0] ?? null,
    bypassTransformer: [...tensors.keys()].some((key) => /^(visual_bert\.)?additional_layer\./.test(key)),
    classifierTransform: tensors.has('cls.transform.dense.weight'),
  };
}

/** The traits of a file in transformers' layout, ignoring wrappers around the model. */
export function traitsOfFile(file: TensorFile): CheckpointTraits {
  const { nameOf } = unwrapKeys(file.name, file.tensors.keys(), [VISUALBERT_MARK]);
  return traitsOf(new Map([...file.tensors].map(([key, tensor]) => [nameOf.get(key) ?? key, tensor])));
}

/** One label is VCR's choice score, two are a truth value, more are answers. */
function architectureOf(tensors: Tensors): Architecture | null {
  const labels = tensors.get('cls.weight')?.shape[0];
  if (labels === 1) return 'VisualBertForMultipleChoice';
  if (labels === 2) return 'VisualBertForVisualReasoning';
  if (labels !== undefined) return 'VisualBertForQuestionAnswering';
  if (tensors.has('attention.query.weight')) return 'VisualBertForRegionToPhraseAlignment';
  if (tensors.has('cls.predictions.bias') || tensors.has('cls.predictions.transform.dense.weight'))
    return 'VisualBertForPreTraining';
  const isBackbone = [...tensors.keys()].some((key) => key.endsWith('embeddings.visual_projection.weight'));
  return isBackbone ? 'VisualBertModel' : null;
}
