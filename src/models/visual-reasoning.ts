// VisualBERT for statements about images: one class per text and its images.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { ShapeError } from '../errors.js';
import type { Pooler } from '../layers/pooler.js';
import { IGNORED_LABEL } from '../scores.js';
import { sizeOf } from '../shapes.js';
import { firstPositions, type ComputeContext } from './backbone.js';
import { type ClassifierParts, createClassifierParts } from './classifier-head.js';
import { sharedSpecs } from './inputs/specs.js';
import type { CheckedInputs, InputSpecs, TensorInputs } from './inputs/inputs.js';
import { crossEntropy } from './losses.js';
import type { LogitsOutputs } from './outputs.js';
import type { ModelOptions } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

/**
 * `logits [b, numLabels]` from the pooled first token. Labels `[b]` or `[b, 1]` int32, -100 to ignore a row;
 * the loss is their mean cross-entropy, also with one label.
 * @example
 * const model = await VisualBertForVisualReasoning.fromPretrained('uclanlp/visualbert-nlvr2');
 * const { logits } = model.forward({ inputIds: [[2, 5, 7, 3]], visualEmbeds: tf.zeros([1, 36, 1024]) });
 * const isTrue = (await tf.argMax(logits, -1).data())[0] === 1;
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertForVisualReasoning
 */
export class VisualBertForVisualReasoning extends VisualBertPreTrainedModel<LogitsOutputs, ClassifierParts> {
  static readonly className = 'VisualBertForVisualReasoning';
  override readonly className = VisualBertForVisualReasoning.className;
  readonly smoothsLabels = true;

  constructor(config: VisualBertConfig, options: ModelOptions = {}) {
    super(config, options, createClassifierParts);
  }

  protected override inputSpecs(): InputSpecs {
    const labels = { axes: null, kind: 'ids', range: [0, this.config.numLabels], ignored: IGNORED_LABEL } as const;
    return { ...sharedSpecs(this.config), labels };
  }

  protected override requireConsistent({ labels, ...inputs }: CheckedInputs): void {
    const [b = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    if (labels === undefined || sizeOf(labels.shape) === b) return;
    throw new ShapeError(
      `${this.className}: expected labels [${b}], received [${labels.shape.join(', ')}]; give one class per row`,
    );
  }

  protected override readsFewStates(): boolean {
    return true;
  }

  override compute({ labels, ...inputs }: TensorInputs, context: ComputeContext): LogitsOutputs {
    const { backbone, cls } = this.parts;
    const [b = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const { states, ...rest } = backbone.run(inputs, context, firstPositions(b)); // [b, h]
    const logits = cls.run((backbone.pooler as Pooler).run(states), context); // [b, c]
    if (labels === undefined) return { logits, ...rest };
    return { loss: crossEntropy(logits, tf.reshape(labels, [-1]), context.labelSmoothing), logits, ...rest };
  }
}
