// The backbone of every class: embeddings, encoder and pooler, as in transformers' VisualBertModel.
import { tf } from '#tf';
import type { VisualBertConfig } from '../config/config.js';
import { attentionBias, limitRows } from '../layers/attention.js';
import type { CallContext } from '../layers/dropout.js';
import { Embeddings } from '../layers/embeddings.js';
import { EncoderLayer } from '../layers/encoder-layer.js';
import type { WeightInitializer } from '../layers/initializers.js';
import { lookup } from '../layers/lookup.js';
import { Pooler } from '../layers/pooler.js';
import type { WeightedLayer } from '../layers/weighted-layer.js';
import { hasQueryAxis, headMaskOf } from './head-mask.js';
import type { TensorInputs } from './inputs/inputs.js';
import { defined } from '../options.js';

/** Options of one forward pass. */
export interface ComputeContext extends CallContext {
  /** Default: the configuration's. */
  outputAttentions?: boolean;
  /** Default: the configuration's. */
  outputHiddenStates?: boolean;
  /** Compute the values inside each encoder layer again for the gradient instead of keeping them. Layers whose attentions are requested keep them. */
  gradientCheckpointing?: boolean;
  /** Label smoothing: share of each label that is spread over all classes. Default 0. */
  labelSmoothing?: number;
  /** The encoder computes no padding. For calls without gradients, on a backend that has the kernel `RaggedAttention`; where `canLeaveOutPadding`. */
  ragged?: RaggedBatch;
}

/** A batch without its padding: the tokens of all examples, one after another. All int32. */
export interface RaggedBatch {
  /** `[b s]`: the row of each token in the padded batch; any after the last token. */
  rows: tf.Tensor;
  /** `[b s]`: the inverse; any for padding. */
  places: tf.Tensor;
  /** `[b + 1]`: example i has the rows `rowSplits[i]` to `rowSplits[i + 1]`. */
  rowSplits: tf.Tensor;
}

export interface BackboneOptions {
  /** Prefix of each parameter's name: `visual_bert.` inside a head class, empty in VisualBertModel. */
  prefix: string;
  initializer: WeightInitializer;
  addPoolingLayer: boolean;
}

export interface BackboneOutputs {
  /** `[b, s, h]`, or `[b p, h]` at the requested positions. */
  states: tf.Tensor;
  hiddenStates?: tf.Tensor[];
  attentions?: tf.Tensor[];
}

/** Embeddings, encoder and pooler with their weights. */
export class Backbone {
  readonly embeddings: Embeddings;
  readonly encoder: EncoderLayer[];
  readonly pooler: Pooler | null;
  readonly layers: WeightedLayer[];
  private readonly additionalLayer: EncoderLayer | null;

  constructor(
    private readonly config: VisualBertConfig,
    { prefix, initializer, addPoolingLayer }: BackboneOptions,
  ) {
    const shared = { initializerRange: config.initializerRange, initializer };
    const sequence: tf.Shape = [null, null, config.hiddenSize];
    const { numAttentionHeads, intermediateSize, hiddenAct, hiddenDropoutProb, attentionProbsDropoutProb } = config;
    const { layerNormEps } = config;
    const encoderLayer = (path: string, prunedHeads: readonly number[]): EncoderLayer => {
      const sizes = { numAttentionHeads, intermediateSize, hiddenAct, layerNormEps, prunedHeads };
      const rates = { hiddenDropoutProb, attentionProbsDropoutProb };
      return built(new EncoderLayer({ name: `${prefix}${path}`, ...shared, ...sizes, ...rates }), sequence);
    };
    const { vocabSize, hiddenSize, visualEmbeddingDim, maxPositionEmbeddings, typeVocabSize, padTokenId } = config;
    const tables = { vocabSize, hiddenSize, visualEmbeddingDim, maxPositionEmbeddings, typeVocabSize, padTokenId };
    const embedding = { ...shared, ...tables, layerNormEps, hiddenDropoutProb };
    this.embeddings = built(new Embeddings({ name: `${prefix}embeddings`, ...embedding }), [null, null]);
    this.encoder = Array.from({ length: config.numHiddenLayers }, (_, i) =>
      encoderLayer(`encoder.layer.${i}`, config.prunedHeads[i] ?? []),
    );
    this.pooler = addPoolingLayer ? built(new Pooler({ name: `${prefix}pooler`, ...shared }), sequence) : null;
    this.additionalLayer = config.bypassTransformer ? encoderLayer('additional_layer', []) : null;
    const optional = [this.pooler, this.additionalLayer].filter((layer) => layer !== null);
    this.layers = [this.embeddings, ...this.encoder, ...optional];
  }

  /**
   * Embeds and encodes. Masks are 1 = attend; a row that masks everything attends uniformly and stays finite.
   * @param positions `[b]` or `[b, p]` int32: the only states that the caller needs. The last layer then computes no others,
   * unless hidden states or attentions are requested or hooked, or a head mask has factors for every query.
   */
  run(inputs: TensorInputs, context: ComputeContext, positions: tf.Tensor | null = null): BackboneOutputs {
    const embedded = this.embeddings.run(inputs, context); // [b, s, h]
    const [b = 0, s = 0] = embedded.shape;
    const v = inputs.visualEmbeds?.shape[1] ?? 0;
    const textBias = inputs.attentionMask === undefined ? null : attentionBias(inputs.attentionMask);
    const regionMask = v === 0 ? undefined : inputs.visualAttentionMask;
    const regionBias = regionMask === undefined ? null : attentionBias(regionMask);
    const none = (length: number): tf.Tensor => tf.zeros([b, 1, 1, length]);
    const bias =
      v === 0 || (textBias === null && regionBias === null)
        ? textBias
        : tf.concat([textBias ?? none(s - v), regionBias ?? none(v)], 3); // [b, 1, 1, s]

    const rows = positions === null ? null : tf.reshape(flatPositions(positions, s), [-1]); // [b p]
    if (this.additionalLayer === null || v === 0) {
      return this.encode(embedded, { bias, headMask: inputs.headMask, rows }, context);
    }
    const [text, regions] = tf.split(embedded, [s - v, v], 1) as [tf.Tensor, tf.Tensor];
    const encoded = this.encode(text, { bias: textBias, headMask: inputs.headMask, rows: null }, context); // [b, t, h]
    const joined = flattened(tf.concat([encoded.states, regions], 1)); // [b s, h]
    const isTrimmed = rows !== null && context.attentionHook === undefined;
    const queries = isTrimmed ? lookup(joined, rows) : joined;
    const last = { x: joined, queries, b, bias, headMask: null };
    const x = context.gradientCheckpointing
      ? this.additionalLayer.runRecomputed(last, context)
      : this.additionalLayer.run(last, context).x;
    const chosen = rows === null || isTrimmed ? x : lookup(x, rows);
    return { ...encoded, states: rows === null ? tf.reshape(x, embedded.shape) : chosen };
  }

  /** The encoder: `[b, s, h]` to `[b, s, h]`, or to the states `[b p, h]` of the flat `rows`. */
  private encode(
    embedded: tf.Tensor,
    { bias, headMask, rows }: { bias: tf.Tensor | null; headMask: tf.Tensor | undefined; rows: tf.Tensor | null },
    context: ComputeContext,
  ): BackboneOutputs {
    const { outputAttentions, outputHiddenStates } = { ...this.config, ...defined(context) };
    const isHooked = context.attentionHook !== undefined;
    const needsAll = outputAttentions || outputHiddenStates || isHooked || hasQueryAxis(headMask);
    const trimmedLayer = rows === null || needsAll ? -1 : this.encoder.length - 1;
    const ragged = trimmedLayer < 0 ? undefined : context.ragged;
    const [b = 0] = embedded.shape;
    const hiddenStates = [tf.clone(embedded)];
    const attentions: tf.Tensor[] = [];
    const padded = flattened(embedded); // [b s, h]
    let x = ragged === undefined ? padded : limitRows(lookup(padded, ragged.rows), ragged.rowSplits);
    const asked = rows === null || ragged === undefined ? rows : tf.gather(ragged.places, rows);
    this.encoder.forEach((layer, i) => {
      const queries = i === trimmedLayer && asked !== null ? lookup(x, asked) : x;
      const inputs = {
        x,
        b,
        ...(ragged === undefined ? { bias } : { bias: null, rowSplits: ragged.rowSplits }),
        headMask: headMaskOf(headMask, i, layer.keptHeads),
        ...(queries !== x && { queries }),
      };
      if (context.gradientCheckpointing && !outputAttentions) x = layer.runRecomputed(inputs, context);
      else {
        const result = layer.run(inputs, context);
        x = result.x;
        if (outputAttentions && result.probabilities !== null) attentions.push(result.probabilities);
      }
      if (outputHiddenStates) hiddenStates.push(tf.reshape(x, embedded.shape));
    });
    const chosen = rows === null || trimmedLayer >= 0 ? x : lookup(x, rows);
    return {
      states: rows === null ? tf.reshape(x, embedded.shape) : chosen,
      ...(outputHiddenStates ? { hiddenStates } : {}),
      ...(outputAttentions ? { attentions } : {}),
    };
  }
}

/** Creates the weights of a layer, and returns it. */
export function built<L extends WeightedLayer>(layer: L, inputShape: tf.Shape): L {
  layer.build(inputShape);
  return layer;
}

/** `[b, s, h]` to `[b s, h]`. */
export function flattened(x: tf.Tensor): tf.Tensor {
  return tf.reshape(x, [-1, x.shape.at(-1) ?? 0]);
}

/** Positions `[b]` or `[b, p]` in sequences of length `s` as row numbers of the flattened states. */
export function flatPositions(positions: tf.Tensor, s: number): tf.Tensor {
  const [b = 0] = positions.shape;
  const starts = tf.range(0, b * s, s, 'int32');
  return tf.add(positions, positions.rank === 1 ? starts : tf.reshape(starts, [b, 1]));
}

/** Position 0 of each of `b` sequences. */
export function firstPositions(b: number): tf.Tensor {
  return tf.zeros([b], 'int32');
}
