// The configuration of a conversion: given, read next to the checkpoint, or inferred from its shapes.
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { VisualBertConfig, type VisualBertConfigOptions } from '../config/config.js';
import { CheckpointError } from '../errors.js';
import type { CheckpointTraits } from '../models/pretrained/classify.js';

/** Head size of BERT; shapes do not reveal the number of heads. */
const HEAD_SIZE = 64;

/** Keys of a config.json that say what the source was. */
const OF_THE_SOURCE = new Set(['architectures', 'model_type']);

/**
 * The configuration to convert to.
 * @param json config.json next to the source, if any.
 * @param found what the tensors say, regardless of config.json.
 */
export function sourceConfig(
  file: Pick<TensorFile, 'name'>,
  traits: CheckpointTraits,
  { given, json }: { given: VisualBertConfig | undefined; json: Record<string, unknown> | null },
  found: VisualBertConfigOptions,
): VisualBertConfig {
  if (given !== undefined) return given.with(found);
  if (json === null) return new VisualBertConfig({ ...settingsOf(file, traits), ...found });
  const settings = Object.fromEntries(Object.entries(json).filter(([key]) => !OF_THE_SOURCE.has(key)));
  return VisualBertConfig.fromJSON(settings).with(found);
}

/** The settings that follow from shapes. @throws CheckpointError when the number of attention heads does not. */
export function settingsOf(file: Pick<TensorFile, 'name'>, traits: CheckpointTraits): VisualBertConfigOptions {
  const h = traits.hiddenSize ?? 0;
  if (h === 0 || h % HEAD_SIZE !== 0) {
    throw new CheckpointError(
      `${file.name}: the number of attention heads does not follow from hidden size ${h}; pass a config`,
    );
  }
  const hasLabels = traits.numLabels !== null && traits.numLabels > 1;
  return {
    hiddenSize: h,
    numAttentionHeads: h / HEAD_SIZE,
    numHiddenLayers: traits.numHiddenLayers,
    bypassTransformer: traits.bypassTransformer,
    classifierTransform: traits.classifierTransform,
    ...(traits.intermediateSize !== null && { intermediateSize: traits.intermediateSize }),
    ...(traits.vocabSize !== null && { vocabSize: traits.vocabSize }),
    ...(traits.maxPositionEmbeddings !== null && { maxPositionEmbeddings: traits.maxPositionEmbeddings }),
    ...(traits.typeVocabSize !== null && { typeVocabSize: traits.typeVocabSize }),
    ...(traits.visualEmbeddingDim !== null && { visualEmbeddingDim: traits.visualEmbeddingDim }),
    ...(hasLabels && { numLabels: traits.numLabels ?? 2 }),
  };
}
