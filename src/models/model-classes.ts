// Every model class by its name in transformers, and its parameters.
import type { VisualBertConfig } from '../config/config.js';
import { VisualBertForMultipleChoice } from './multiple-choice.js';
import { VisualBertForPreTraining } from './pre-training.js';
import type { Architecture } from './pretrained/classify.js';
import { hollowTensors } from './pretrained/hollow.js';
import type { ModelClass } from './contract.js';
import type { VisualBertPreTrainedModel } from './pretrained-model.js';
import { VisualBertForQuestionAnswering } from './question-answering.js';
import { VisualBertForRegionToPhraseAlignment } from './region-to-phrase-alignment.js';
import { VisualBertModel } from './visual-bert-model.js';
import { VisualBertForVisualReasoning } from './visual-reasoning.js';

/** Every class, by its name in config.json. */
export const MODEL_CLASSES: Readonly<Record<Architecture, ModelClass<VisualBertPreTrainedModel>>> = {
  VisualBertModel,
  VisualBertForPreTraining,
  VisualBertForQuestionAnswering,
  VisualBertForMultipleChoice,
  VisualBertForVisualReasoning,
  VisualBertForRegionToPhraseAlignment,
};

/** Name -> shape of the parameters of a class under a configuration, tied ones once. Allocates no data. */
export function parameterShapes(architecture: Architecture, config: VisualBertConfig): Map<string, number[]> {
  const hollow = hollowTensors();
  const model = new MODEL_CLASSES[architecture](config, { initializer: (_name, shape) => hollow.create(shape) });
  const shapes = new Map([...model.namedParameters()].map(([name, { shape }]) => [name, [...shape]]));
  model.dispose();
  hollow.dispose();
  return shapes;
}
