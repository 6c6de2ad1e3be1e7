// The classifier of the classes that have one.
import type { VisualBertConfig } from '../config.js';
import { Classifier } from '../layers/classifier.js';
import type { WeightInitializer } from '../layers/initializers.js';
import { built } from './backbone.js';

/** `cls` of transformers: dropout and one affine map; `classifierTransform` puts a transform between them. */
export function createClassifier(
  config: VisualBertConfig,
  initializer: WeightInitializer,
  numLabels: number = config.numLabels,
): Classifier {
  const { classifierTransform, hiddenAct, layerNormEps, hiddenDropoutProb, initializerRange, hiddenSize } = config;
  const transform = classifierTransform ? { hiddenAct, layerNormEps } : null;
  const args = { name: 'cls', numLabels, hiddenDropoutProb, initializerRange, initializer, transform };
  return built(new Classifier(args), [null, hiddenSize]);
}
