// VisualBERT for grounding phrases: scores of each region for each phrase of the text.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { ShapeError } from '../errors.js';
import { lookup } from '../layers/lookup.js';
import { RegionToPhraseAttention } from '../layers/region-to-phrase-attention.js';
import { sizeOf } from '../shapes.js';
import { Backbone, built, flatPositions, flattened, type ComputeContext } from './backbone.js';
import { requirePositions, sharedSpecs } from './inputs/specs.js';
import type { CheckedInputs, InputSpecs, TensorInputs } from './inputs/inputs.js';
import { klDivergence } from './losses.js';
import { createMaskedLmHead, createSeqRelationship } from './pre-training-heads.js';
import { tiedDecoder } from './pretrained/ties.js';
import type { LogitsOutputs } from './outputs.js';
import type { ModelOptions, ModelParts } from './contract.js';
import { VisualBertPreTrainedModel } from './pretrained-model.js';

interface Parts extends ModelParts {
  attention: RegionToPhraseAttention;
}

/**
 * `logits [b, p, v]`: raw scores, the most negative float32 at masked regions.
 *
 * `regionToPhrasePosition [b, p]` int32 is the text position of each phrase. -1 reads position 0: give it labels of 0.
 * Labels `[b, p, v]` spread 1 over the matching regions; the loss is their Kullback-Leibler divergence from the softmax over
 * regions, summed and divided by b. The masked-LM head is in every checkpoint and is not used.
 * @example
 * const model = await VisualBertForRegionToPhraseAlignment.fromPretrained('uclanlp/visualbert-vqa-coco-pre', { allowFreshWeights: true });
 * const inputs = { inputIds: [[2, 5, 7, 3]], visualEmbeds: tf.zeros([1, 36, 2048]) };
 * const { logits } = model.forward({ ...inputs, regionToPhrasePosition: [[2]] }); // [b, phrases, regions]
 * @see https://huggingface.co/docs/transformers/model_doc/visual_bert VisualBertForRegionToPhraseAlignment
 */
export class VisualBertForRegionToPhraseAlignment extends VisualBertPreTrainedModel<LogitsOutputs, Parts> {
  static readonly className = 'VisualBertForRegionToPhraseAlignment';
  override readonly className = VisualBertForRegionToPhraseAlignment.className;

  constructor(config: VisualBertConfig, options: ModelOptions = {}) {
    super(config, options, (resolved, initializer) => {
      const backbone = new Backbone(resolved, { prefix: 'visual_bert.', initializer, addPoolingLayer: true });
      const predictions = createMaskedLmHead(resolved, initializer);
      const { numAttentionHeads, initializerRange, hiddenSize } = resolved;
      const seqRelationship = createSeqRelationship(resolved, initializer);
      const args = { name: 'attention', numAttentionHeads, initializerRange, initializer };
      const attention = built(new RegionToPhraseAttention(args), [null, null, hiddenSize]);
      return { backbone, attention, layers: [...backbone.layers, predictions, seqRelationship, attention] };
    });
  }

  override get tiedWeights(): ReadonlyMap<string, string> {
    return tiedDecoder(this.config);
  }

  protected override inputSpecs(): InputSpecs {
    return {
      ...sharedSpecs(this.config),
      regionToPhrasePosition: { axes: ['b', 'p'], kind: 'ids', range: [-1, Infinity] },
      labels: { axes: ['b', 'p', 'v'], kind: 'values', isScore: true },
    };
  }

  protected override requireConsistent({
    regionToPhrasePosition: positions,
    visualEmbeds,
    ...inputs
  }: CheckedInputs): void {
    if (positions === undefined || visualEmbeds === undefined) {
      const missing = positions === undefined ? 'regionToPhrasePosition [b, p]' : 'visualEmbeds [b, v, D]';
      throw new ShapeError(
        `${this.className}: expected ${missing}, received none; this class scores regions for phrases`,
      );
    }
    if (sizeOf(positions.shape) === 0 || sizeOf(visualEmbeds.shape) === 0) {
      throw new ShapeError(
        `${this.className}: expected at least one phrase and one region, received regionToPhrasePosition [${positions.shape.join(', ')}] ` +
          `and visualEmbeds [${visualEmbeds.shape.join(', ')}]; give -1 for no phrase, and mask absent regions`,
      );
    }
    const t = (inputs.inputIds ?? inputs.inputsEmbeds)?.shape[1] ?? 0;
    const s = t + (visualEmbeds.shape[1] ?? 0);
    requirePositions(this.className, 'regionToPhrasePosition', positions, s);
  }

  override compute(inputs: TensorInputs, context: ComputeContext): LogitsOutputs {
    const { backbone, attention } = this.parts;
    const { labels, regionToPhrasePosition } = inputs;
    const { states: sequence, ...rest } = backbone.run(inputs, context); // [b, s, h]
    const [b = 0, s = 0] = sequence.shape;
    const v = inputs.visualEmbeds?.shape[1] ?? 0;
    const regions = tf.slice(sequence, [0, s - v, 0], [-1, -1, -1]); // [b, v, h]
    const positions = tf.maximum(regionToPhrasePosition as tf.Tensor, tf.scalar(0, 'int32')); // [b, p]
    const phrases = lookup(flattened(sequence), flatPositions(positions, s)); // [b, p, h]
    const logits = attention.run(phrases, regions, inputs.visualAttentionMask ?? tf.ones([b, v])); // [b, p, v]
    if (labels === undefined) return { logits, ...rest };
    const count = inputs.exampleCount ?? tf.scalar(b);
    return { loss: klDivergence(logits, labels, count as tf.Scalar), logits, ...rest };
  }
}
