// VisualBERT for multiple choice: one score for each of several texts about an image.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { ShapeError } from '../errors.js';
import type { Pooler } from '../layers/pooler.js';
import { IGNORED_LABEL } from '../scores.js';
import { sizeOf } from '../shapes.js';
import { firstPositions, type ComputeContext } from './backbone.js';
import { type ClassifierParts, createClassifierParts } from './classifier-head.js';
import { highestOf, sharedSpecs } from './inputs/specs.js';
import type { CheckedInputs, InputSpecs, TensorInputs } from './inputs/inputs.js';
import { crossEntropy } from './losses.js';
import type { LogitsOutputs } from './outputs.js';
import type { ModelOptions } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

/** Inputs without an axis of choices. */
const NOT_PER_CHOICE: readonly string[] = ['headMask', 'labels', 'exampleCount'];

/**
 * `logits [b, choices]`. Every text and region input has an axis of choices after b: `inputIds [b, choices, t]`,
 * `visualEmbeds [b, choices, v, D]`. Labels `[b]` int32 are the correct choices, -100 to ignore a row.
 *
 * Differs: `imageTextAlignment` may be `[b, choices, v, a]` as well as transformers' flattened `[b choices, v, a]`.
 * @example
 * const model = await VisualBertForMultipleChoice.fromPretrained('uclanlp/visualbert-vcr');
 * const inputIds = [[[2, 5, 3, 6, 3], [2, 5, 3, 7, 3]]]; // [b, choices, t]
 * const { logits } = model.forward({ inputIds, visualEmbeds: tf.zeros([1, 2, 36, 512]) }); // [b, choices]
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertForMultipleChoice
 */
export class VisualBertForMultipleChoice extends VisualBertPreTrainedModel<LogitsOutputs, ClassifierParts> {
  static readonly className = 'VisualBertForMultipleChoice';
  override readonly className = VisualBertForMultipleChoice.className;
  readonly smoothsLabels = true;

  constructor(config: VisualBertConfig, options: ModelOptions = {}) {
    super(config, options, (resolved, initializer) => createClassifierParts(resolved, initializer, 1));
  }

  protected override inputSpecs(): InputSpecs {
    const shared = sharedSpecs(this.config, ['b', 'choices']);
    return {
      ...shared,
      imageTextAlignment: { ...shared.imageTextAlignment, axes: null, kind: 'ids' },
      labels: { axes: null, kind: 'ids', range: [0, Infinity], ignored: IGNORED_LABEL },
    };
  }

  protected override requireConsistent({ labels, imageTextAlignment, ...inputs }: CheckedInputs): void {
    const [b = 0, choices = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const lead = imageTextAlignment?.shape.slice(0, -2).join(', ');
    if (lead !== undefined && lead !== `${b}, ${choices}` && lead !== `${b * choices}`) {
      throw new ShapeError(
        `${this.className}: expected imageTextAlignment [${b}, ${choices}, v, a] or [${b * choices}, v, a], ` +
          `received [${imageTextAlignment?.shape.join(', ')}]; give one table per choice`,
      );
    }
    if (labels === undefined) return;
    const highest = highestOf(labels);
    if (sizeOf(labels.shape) === b && highest < choices) return;
    throw new ShapeError(
      `${this.className}: expected labels [${b}] below ${choices}, received [${labels.shape.join(', ')}] up to ${highest}; number the choices from 0`,
    );
  }

  protected override readsFewStates(): boolean {
    return true;
  }

  override compute({ labels, ...inputs }: TensorInputs, context: ComputeContext): LogitsOutputs {
    const { backbone, cls } = this.parts;
    const [b = 0, choices = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const joined = joinChoices(inputs, b, choices);
    const { states, ...rest } = backbone.run(joined, context, firstPositions(b * choices)); // [b choices, h]
    const scores = cls.run((backbone.pooler as Pooler).run(states), context); // [b choices, 1]
    const logits = tf.reshape(scores, [b, choices]);
    if (labels === undefined) return { logits, ...rest };
    return { loss: crossEntropy(logits, tf.reshape(labels, [-1]), context.labelSmoothing), logits, ...rest };
  }
}

/** `[b, choices, ...]` to `[b choices, ...]` for every input of the backbone; leading sizes of 1 are repeated. */
function joinChoices(inputs: TensorInputs, b: number, choices: number): TensorInputs {
  const entries = Object.entries(inputs).map(([name, tensor]): [string, tf.Tensor] => {
    const isJoined = NOT_PER_CHOICE.includes(name) || (name === 'imageTextAlignment' && tensor.rank === 3);
    if (isJoined) return [name, tensor];
    const [first = 0, second = 0, ...rest] = tensor.shape;
    const repeats = [b / first, choices / second];
    const whole = repeats.every((count) => count === 1) ? tensor : tf.tile(tensor, [...repeats, ...rest.map(() => 1)]);
    return [name, tf.reshape(whole, [b * choices, ...rest])];
  });
  return Object.fromEntries(entries);
}
