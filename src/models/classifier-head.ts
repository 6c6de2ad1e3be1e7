// The parts of the classes that classify the pooled output: a backbone and a classifier.
import type { VisualBertConfig } from '../config/config.js';
import { Classifier } from '../layers/classifier.js';
import type { WeightInitializer } from '../layers/initializers.js';
import { Backbone, built } from './backbone.js';
import type { ModelParts } from './contract.js';

export interface ClassifierParts extends ModelParts {
  cls: Classifier;
}

/** A backbone with a pooler, and `cls` of transformers: dropout and one affine map; `classifierTransform` puts a transform between them. */
export function createClassifierParts(
  config: VisualBertConfig,
  initializer: WeightInitializer,
  numLabels: number = config.numLabels,
): ClassifierParts {
  const { classifierTransform, hiddenAct, layerNormEps, hiddenDropoutProb, initializerRange, hiddenSize } = config;
  const backbone = new Backbone(config, { prefix: 'visual_bert.', initializer, addPoolingLayer: true });
  const transform = classifierTransform ? { hiddenAct, layerNormEps } : null;
  const args = { name: 'cls', numLabels, hiddenDropoutProb, initializerRange, initializer, transform };
  const cls = built(new Classifier(args), [null, hiddenSize]);
  return { backbone, cls, layers: [...backbone.layers, cls] };
}
