// VisualBERT for pre-training: masked words and whether text and image belong together.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { ShapeError } from '../errors.js';
import type { Classifier } from '../layers/classifier.js';
import type { MaskedLmHead } from '../layers/masked-lm-head.js';
import type { Pooler } from '../layers/pooler.js';
import { IGNORED_LABEL } from '../scores.js';
import { Backbone, firstPositions, flattened, type ComputeContext } from './backbone.js';
import { requirePositions, sharedSpecs } from './inputs/specs.js';
import type { CheckedInputs, InputSpecs, TensorInputs } from './inputs/inputs.js';
import { crossEntropy } from './losses.js';
import { createMaskedLmHead, createSeqRelationship } from './pre-training-heads.js';
import { tiedDecoder } from './pretrained/ties.js';
import type { ModelOutputs } from './outputs.js';
import type { ModelOptions, ModelParts } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

/** Outputs of `VisualBertForPreTraining`. */
export interface PreTrainingOutputs extends ModelOutputs {
  /** `[b, s, vocabSize]`, or `[b, k, vocabSize]` at `maskedPositions`. */
  predictionLogits: tf.Tensor;
  /** `[b, 2]`; the authors' class 1 means that text and image match. */
  seqRelationshipLogits: tf.Tensor;
}

interface Parts extends ModelParts {
  predictions: MaskedLmHead;
  seqRelationship: Classifier;
}

/**
 * Scores of every word at each position, and of the sentence-image match.
 *
 * Labels `[b, s]` int32 cover text and regions, -100 where nothing is predicted; with `maskedPositions [b, k]` they are `[b, k]` and only
 * those positions are scored. The loss is the mean cross-entropy of the words, plus that of `sentenceImageLabels [b]` when given;
 * `sentenceImageLabels` alone give no loss, as in transformers.
 * @example
 * const model = await VisualBertForPreTraining.fromPretrained('uclanlp/visualbert-vqa-coco-pre');
 * const inputs = { inputIds: [[2, 5, 4, 7, 3]], visualEmbeds: tf.zeros([1, 36, 2048]) }; // 4 is [MASK]
 * const { loss, predictionLogits } = model.forward({ ...inputs, maskedPositions: [[2]], labels: [[6]] });
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertForPreTraining
 */
export class VisualBertForPreTraining extends VisualBertPreTrainedModel<PreTrainingOutputs, Parts> {
  static readonly className = 'VisualBertForPreTraining';
  override readonly className = VisualBertForPreTraining.className;

  constructor(config: VisualBertConfig, options: ModelOptions = {}) {
    super(config, options, (resolved, initializer) => {
      const backbone = new Backbone(resolved, { prefix: 'visual_bert.', initializer, addPoolingLayer: true });
      const predictions = createMaskedLmHead(resolved, initializer);
      const seqRelationship = createSeqRelationship(resolved, initializer);
      return { backbone, predictions, seqRelationship, layers: [...backbone.layers, predictions, seqRelationship] };
    });
  }

  override get tiedWeights(): ReadonlyMap<string, string> {
    return tiedDecoder(this.config);
  }

  override getOutputEmbeddings(): tf.Variable {
    return this.parts.predictions.decoderWeight ?? this.getInputEmbeddings();
  }

  protected override inputSpecs(): InputSpecs {
    return {
      ...sharedSpecs(this.config),
      labels: { axes: ['b', '*'], kind: 'ids', range: [0, this.config.vocabSize], ignored: IGNORED_LABEL },
      sentenceImageLabels: { axes: null, kind: 'ids', range: [0, 2], ignored: IGNORED_LABEL },
      maskedPositions: { axes: ['b', 'k'], kind: 'ids', range: [0, Infinity], ignored: IGNORED_LABEL },
    };
  }

  protected override requireConsistent({ labels, maskedPositions, visualEmbeds, ...inputs }: CheckedInputs): void {
    const [b = 0, t = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const s = t + (visualEmbeds?.shape[1] ?? 0);
    const asked = maskedPositions?.shape[1] ?? s;
    if (labels !== undefined && labels.shape[1] !== asked) {
      const what = maskedPositions === undefined ? 'one label per token and region' : 'one label per masked position';
      throw new ShapeError(
        `${this.className}: expected labels [${b}, ${asked}], received [${labels.shape.join(', ')}]; give ${what}, -100 where nothing is predicted`,
      );
    }
    if (maskedPositions !== undefined) requirePositions(this.className, 'maskedPositions', maskedPositions, s);
  }

  protected override readsFewStates({ maskedPositions }: Readonly<Record<string, unknown>>): boolean {
    return maskedPositions !== undefined;
  }

  override compute(inputs: TensorInputs, context: ComputeContext): PreTrainingOutputs {
    const { backbone, predictions, seqRelationship } = this.parts;
    const { labels, sentenceImageLabels, maskedPositions } = inputs;
    const [b = 0] = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape ?? [];
    const first = tf.reshape(firstPositions(b), [b, 1]);
    const read = maskedPositions === undefined ? null : tf.maximum(maskedPositions, tf.scalar(0, 'int32')); // [b, k]
    const positions = read === null ? null : tf.concat([first, read], 1); // [b, 1 + k]
    const { states, ...rest } = backbone.run(inputs, context, positions);
    const sequence = tf.reshape(states, [b, -1, this.config.hiddenSize]); // [b, s, h], or [CLS] and the masked positions
    const asked = maskedPositions === undefined ? sequence : tf.slice(sequence, [0, 1, 0], [-1, -1, -1]); // [b, k, h]
    const scores = predictions.run(flattened(asked), this.getInputEmbeddings()); // [b s or b k, w]
    const matches = seqRelationship.run((backbone.pooler as Pooler).call(sequence), context); // [b, 2]
    const outputs = {
      predictionLogits: tf.reshape(scores, [b, -1, this.config.vocabSize]),
      seqRelationshipLogits: matches,
      ...rest,
    };
    if (labels === undefined) return outputs;
    const wordLoss = crossEntropy(scores, tf.reshape(usedLabels(labels, maskedPositions), [-1]));
    if (sentenceImageLabels === undefined) return { loss: wordLoss, ...outputs };
    const matchLoss = crossEntropy(matches, tf.reshape(sentenceImageLabels, [-1]));
    return { loss: tf.add<tf.Scalar>(wordLoss, matchLoss), ...outputs };
  }
}

/** Labels `[b, k]`, without those of unused positions. */
function usedLabels(labels: tf.Tensor, maskedPositions: tf.Tensor | undefined): tf.Tensor {
  if (maskedPositions === undefined) return labels;
  return tf.where(tf.less(maskedPositions, 0), tf.fill(labels.shape, IGNORED_LABEL, 'int32'), labels);
}
