// VisualBERT for visual question answering: scores of the answers, read at the [MASK] before the last [SEP].
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { ShapeError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import type { ComputeContext } from './backbone.js';
import { type ClassifierParts, createClassifierParts } from './classifier-head.js';
import { sharedSpecs } from './inputs/specs.js';
import type { CheckedInputs, InputSpecs, TensorInputs } from './inputs/inputs.js';
import { klDivergence, smoothedLabels } from './losses.js';
import type { LogitsOutputs } from './outputs.js';
import type { ModelOptions } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

/**
 * `logits [b, numLabels]`: always the raw scores. Differs: transformers returns their log-softmax when labels are given.
 *
 * Labels are soft scores `[b, numLabels]`, or `[1, numLabels]` / `[1, 1, numLabels]` for the whole batch; the loss is their
 * Kullback-Leibler divergence from the softmax of the logits, summed and divided by b.
 * The answer is read at position `sum(attentionMask) - 2` of each row, as in the authors' code.
 * @example
 * const model = await VisualBertForQuestionAnswering.fromPretrained('uclanlp/visualbert-vqa');
 * const processor = await VisualBertProcessor.fromPretrained('uclanlp/visualbert-vqa', { task: 'vqa' });
 * const inputs = await processor({ text: 'What is the man eating?', visualEmbeds: tf.zeros([36, 2048]) });
 * const { logits } = model.forward(inputs);
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertForQuestionAnswering
 */
export class VisualBertForQuestionAnswering extends VisualBertPreTrainedModel<LogitsOutputs, ClassifierParts> {
  static readonly className = 'VisualBertForQuestionAnswering';
  override readonly className = VisualBertForQuestionAnswering.className;
  readonly smoothsLabels = true;

  constructor(config: VisualBertConfig, options: ModelOptions = {}) {
    super(config, options, createClassifierParts);
  }

  protected override inputSpecs(): InputSpecs {
    return { ...sharedSpecs(this.config), labels: { axes: null, kind: 'values', isScore: true } };
  }

  protected override requireConsistent({ attentionMask, labels, ...inputs }: CheckedInputs): void {
    const [b = 0, t = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const { numLabels } = this.config;
    const { shape = [b, numLabels] } = labels ?? {};
    const fits = shape.at(-1) === numLabels && [[b], [1], [1, 1]].some((lead) => `${lead}` === `${shape.slice(0, -1)}`);
    if (!fits) {
      throw new ShapeError(
        `${this.className}: expected labels [${b}, ${numLabels}], received [${shape.join(', ')}]; set numLabels to the number of answers`,
      );
    }
    if (attentionMask === undefined) requireTwoTokens(this.className, new Int32Array(t).fill(1), t);
    else attentionMask.checkValues((mask) => requireTwoTokens(this.className, mask, t));
  }

  protected override readsFewStates(): boolean {
    return true;
  }

  override compute({ labels, ...inputs }: TensorInputs, context: ComputeContext): LogitsOutputs {
    const { backbone, cls } = this.parts;
    const { attentionMask } = inputs;
    const [b = 0, t = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const counts = attentionMask === undefined ? tf.fill([b], t, 'int32') : attendedTokens(attentionMask); // [b]
    const positions = tf.maximum(tf.sub(counts, tf.scalar(2, 'int32')), tf.scalar(0, 'int32')); // 0: padding rows
    const { states, ...rest } = backbone.run(inputs, context, positions); // [b, h]
    const logits = cls.run(states, context); // [b, c]
    if (labels === undefined) return { logits, ...rest };
    const count = inputs.exampleCount ?? tf.scalar(b);
    const soft = tf.reshape(labels, labels.shape[0] === 1 ? [1, -1] : labels.shape);
    const smoothed = smoothedLabels(soft, context.labelSmoothing ?? 0);
    return { loss: klDivergence(logits, smoothed, count as tf.Scalar), logits, ...rest };
  }
}

/** @throws ShapeError when a row of a mask `[b, t]` attends to fewer than two tokens */
function requireTwoTokens(who: string, mask: RawTensor['data'], t: number): void {
  for (let row = 0; row * t < mask.length; row++) {
    const count = Array.from(mask.subarray(row * t, (row + 1) * t)).filter((value) => value !== 0).length;
    if (count >= 2) continue;
    throw new ShapeError(
      `${who}: expected at least two attended tokens in each row of attentionMask, received ${count} in row ${row}; ` +
        'the answer is read at the last token but one',
    );
  }
}

/** `[b, t]` to the number of attended tokens `[b] int32`. */
function attendedTokens(mask: tf.Tensor): tf.Tensor {
  const attended = mask.dtype === 'bool' ? mask : tf.notEqual(mask, 0);
  return tf.sum(tf.cast(attended, 'int32'), 1);
}
