// The parameters that a class has under a configuration, without making the model.
import type { VisualBertConfig } from '../config.js';
import type { Architecture } from '../models/pretrained/classify.js';

/** Whether the head of a class is a classifier, with or without a transform. */
export function hasClassifier(architecture: Architecture): boolean {
  return /^VisualBertFor(QuestionAnswering|VisualReasoning|MultipleChoice)$/.test(architecture);
}

/** Name -> shape, second names of tied parameters left out. Head classes have the prefix `visual_bert.`, the base model none. */
export function expectedParameters(architecture: Architecture, config: VisualBertConfig): Map<string, number[]> {
  const { hiddenSize: h, numAttentionHeads: n, prunedHeads, tieWordEmbeddings: isTied } = config;
  const shapes = new Map<string, number[]>();
  const prefix = architecture === 'VisualBertModel' ? '' : 'visual_bert.';
  const linear = (name: string, outputs: number, inputs: number): void => {
    shapes.set(`${name}.weight`, [outputs, inputs]);
    shapes.set(`${name}.bias`, [outputs]);
  };
  const norm = (name: string): void => {
    shapes.set(`${name}.weight`, [h]);
    shapes.set(`${name}.bias`, [h]);
  };
  const table = (name: string, rows: number): void => void shapes.set(`${prefix}embeddings.${name}.weight`, [rows, h]);
  const layer = (path: string, heads: number): void => {
    const width = (h / n) * heads;
    for (const part of ['query', 'key', 'value']) linear(`${path}.attention.self.${part}`, width, h);
    linear(`${path}.attention.output.dense`, h, width);
    norm(`${path}.attention.output.LayerNorm`);
    linear(`${path}.intermediate.dense`, config.intermediateSize, h);
    linear(`${path}.output.dense`, h, config.intermediateSize);
    norm(`${path}.output.LayerNorm`);
  };

  table('word_embeddings', config.vocabSize);
  table('position_embeddings', config.maxPositionEmbeddings);
  table('token_type_embeddings', config.typeVocabSize);
  norm(`${prefix}embeddings.LayerNorm`);
  table('visual_token_type_embeddings', config.typeVocabSize);
  table('visual_position_embeddings', config.maxPositionEmbeddings);
  linear(`${prefix}embeddings.visual_projection`, h, config.visualEmbeddingDim);
  for (let i = 0; i < config.numHiddenLayers; i++)
    layer(`${prefix}encoder.layer.${i}`, n - (prunedHeads[i]?.length ?? 0));
  linear(`${prefix}pooler.dense`, h, h);
  if (config.bypassTransformer) layer(`${prefix}additional_layer`, n);

  if (architecture === 'VisualBertForPreTraining' || architecture === 'VisualBertForRegionToPhraseAlignment') {
    shapes.set('cls.predictions.bias', [config.vocabSize]);
    linear('cls.predictions.transform.dense', h, h);
    norm('cls.predictions.transform.LayerNorm');
    if (!isTied) linear('cls.predictions.decoder', config.vocabSize, h);
    linear('cls.seq_relationship', 2, h);
  }
  if (architecture === 'VisualBertForRegionToPhraseAlignment') {
    for (const part of ['query', 'key', 'value']) linear(`attention.${part}`, h / n, h);
  }
  if (hasClassifier(architecture)) {
    if (config.classifierTransform) {
      linear('cls.transform.dense', h, h);
      norm('cls.transform.LayerNorm');
    }
    linear('cls', architecture === 'VisualBertForMultipleChoice' ? 1 : config.numLabels, h);
  }
  return shapes;
}
