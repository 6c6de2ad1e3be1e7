// The bare VisualBERT: hidden states of text and regions, without a head.
import type * as tf from '@tensorflow/tfjs';
import type { VisualBertConfig } from '../config/config.js';
import { Backbone, type ComputeContext } from './backbone.js';
import { sharedSpecs } from './inputs/specs.js';
import type { InputSpecs, TensorInputs } from './inputs/inputs.js';
import type { ModelOutputs } from './outputs.js';
import type { ModelOptions } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

/** Outputs of `VisualBertModel`. */
export interface BaseModelOutputs extends ModelOutputs {
  /** `[b, s, h]` */
  lastHiddenState: tf.Tensor;
  /** `[b, h]`; absent without a pooling layer. */
  poolerOutput?: tf.Tensor;
}

/** Options of `VisualBertModel`. */
export interface VisualBertModelOptions extends ModelOptions {
  /** Default true. */
  addPoolingLayer?: boolean;
}

/**
 * VisualBERT without a head.
 * @example
 * const model = await VisualBertModel.fromPretrained('uclanlp/visualbert-vqa');
 * const { lastHiddenState, poolerOutput } = model.forward({ inputIds: [[2, 5, 7, 3]], visualEmbeds: tf.zeros([1, 36, 2048]) });
 * model.dispose();
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertModel
 */
export class VisualBertModel extends VisualBertPreTrainedModel<BaseModelOutputs> {
  static readonly className = 'VisualBertModel';
  override readonly className = VisualBertModel.className;

  constructor(config: VisualBertConfig, options: VisualBertModelOptions = {}) {
    super(config, options, (resolved, initializer) => {
      const { addPoolingLayer = true } = options;
      const backbone = new Backbone(resolved, { prefix: '', initializer, addPoolingLayer });
      return { backbone, layers: backbone.layers };
    });
  }

  protected override inputSpecs(): InputSpecs {
    return sharedSpecs(this.config);
  }

  override compute(inputs: TensorInputs, context: ComputeContext): BaseModelOutputs {
    const { backbone } = this.parts;
    const { states, ...rest } = backbone.run(inputs, context); // [b, s, h]
    const pooled = backbone.pooler === null ? {} : { poolerOutput: backbone.pooler.call(states) };
    return { lastHiddenState: states, ...pooled, ...rest };
  }
}
