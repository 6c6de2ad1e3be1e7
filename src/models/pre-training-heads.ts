// The pre-training heads of two classes, and their ties to the word table.
import type { VisualBertConfig } from '../config/config.js';
import { Classifier } from '../layers/classifier.js';
import type { WeightInitializer } from '../layers/initializers.js';
import { MaskedLmHead } from '../layers/masked-lm-head.js';
import { built } from './backbone.js';

/** `cls.predictions` of transformers. */
export function createMaskedLmHead(config: VisualBertConfig, initializer: WeightInitializer): MaskedLmHead {
  const { vocabSize, hiddenAct, layerNormEps, initializerRange, tieWordEmbeddings: tied } = config;
  const args = { name: 'cls.predictions', vocabSize, hiddenAct, layerNormEps, initializerRange, tied, initializer };
  return built(new MaskedLmHead(args), [null, config.hiddenSize]);
}

/** `cls.seq_relationship` of transformers: two scores of the pooled state, without dropout. */
export function createSeqRelationship(config: VisualBertConfig, initializer: WeightInitializer): Classifier {
  const { initializerRange, hiddenSize } = config;
  const args = { name: 'cls.seq_relationship', numLabels: 2, hiddenDropoutProb: 0, initializerRange, initializer };
  return built(new Classifier(args), [null, hiddenSize]);
}
