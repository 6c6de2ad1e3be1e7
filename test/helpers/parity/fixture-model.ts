// Models with the weights of a parity fixture, and the inputs that the fixture was made with.
import * as tf from '@tensorflow/tfjs';
import { VisualBertConfig } from '../../../src/config/config.js';
import type { WeightInitializer } from '../../../src/layers/initializers.js';
import type { ModelInputs } from '../../../src/models/inputs/inputs.js';
import { MODEL_CLASSES } from '../../../src/models/model-classes.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import { section, type Fixture } from './fixture.js';

/** A model of the fixture's class with its weights; every weight must be in the fixture with the model's shape. */
export function modelOf({ name: fixture, meta, tensors }: Fixture): VisualBertPreTrainedModel {
  const initializer: WeightInitializer = (name, shape) => {
    const raw = tensors.get(`weights/${name}`);
    if (raw === undefined || `${raw.shape}` !== `${shape}`) {
      throw new Error(
        `${fixture}: the model has ${name} [${shape}], the fixture ${raw === undefined ? 'has not' : `[${raw.shape}]`}`,
      );
    }
    return tf.tensor(raw.data, raw.shape);
  };
  const { addPoolingLayer = true } = meta.options;
  const Class = MODEL_CLASSES[meta.class as keyof typeof MODEL_CLASSES];
  return new Class(VisualBertConfig.fromJSON(meta.config), { initializer, addPoolingLayer } as {
    initializer: WeightInitializer;
  });
}

/** The arguments that the fixture was called with. */
export function inputsOf(fixture: Fixture): ModelInputs {
  const { outputAttentions = false, outputHiddenStates = false } = fixture.meta.options;
  return { ...Object.fromEntries(section(fixture, 'inputs')), outputAttentions, outputHiddenStates };
}
