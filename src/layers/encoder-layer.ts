// One layer of the BERT encoder: self-attention and feed-forward, each with dropout, residual and layer norm.
import { tf } from '#tf';
import { type Activation, activationFunction, activationName } from './activations.js';
import { ConfigError, ShapeError } from '../errors.js';
import { hash32 } from '../random/philox.js';
import { requireDim } from '../shapes.js';
import { attend, attendRagged, attentionBias, limitRows } from './attention.js';
import type { CallContext, DropoutSite } from './dropout.js';
import { dropoutAddLayerNorm, type NormWeights } from './layer-norm.js';
import { linear, type LinearWeights } from './linear.js';
import { recomputed } from './recomputed.js';
import { firstShape, WeightedLayer, type CallKwargs, type WeightedLayerArgs } from './weighted-layer.js';

export interface EncoderLayerArgs extends WeightedLayerArgs {
  numAttentionHeads: number;
  intermediateSize: number;
  hiddenAct: Activation;
  hiddenDropoutProb: number;
  attentionProbsDropoutProb: number;
  layerNormEps: number;
  /** Heads that were removed, by their original number. */
  prunedHeads?: readonly number[];
}

export interface EncoderLayerInputs {
  /** `[b s, h]`: tokens of an example follow each other. */
  x: tf.Tensor;
  /** `[b q, h]`: the tokens of `x` whose new states are computed; absent: all. */
  queries?: tf.Tensor;
  /** Batch size b. */
  b: number;
  /** `[b, 1, 1, s]` from `attentionBias`; null attends to everything. */
  bias: tf.Tensor | null;
  /** Multiplies the attention probabilities, broadcast to `[b, n, q, s]`. */
  headMask: tf.Tensor | null;
  /** `[b + 1] int32`: example i has the rows `rowSplits[i]` to `rowSplits[i + 1]`, all of which attend to each other; later rows mean nothing. */
  rowSplits?: tf.Tensor;
}

/**
 * `x = norm(x + dropout(attention(x)))`, then `x = norm(x + dropout(feedForward(x)))`.
 *
 * Call in a tf.model: `[b, s, h] float32`, or that and a mask `[b, s]` (1 = attend), to `[b, s, h] float32`.
 * Weights: `attention.self.{query,key,value}`, `attention.output.{dense,LayerNorm}`, `intermediate.dense`, `output.{dense,LayerNorm}`.
 * @example
 * const sizes = { numAttentionHeads: 4, intermediateSize: 10, hiddenAct: 'gelu', layerNormEps: 1e-12, initializerRange: 0.02 };
 * const layer = new EncoderLayer({ ...sizes, hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 });
 * const encoded = layer.apply(tf.input({ shape: [11, 12] })); // [b, 11, 12]
 * @throws ConfigError when h is not a multiple of the number of heads.
 * @see https://arxiv.org/abs/1810.04805 section 3
 */
export class EncoderLayer extends WeightedLayer {
  static readonly className = 'VisualBertEncoderLayer';
  private readonly args: EncoderLayerArgs;
  private readonly activate: (x: tf.Tensor) => tf.Tensor;
  private readonly attentionDropout: DropoutSite;
  private readonly attentionOutputDropout: DropoutSite;
  private readonly outputDropout: DropoutSite;
  private query!: LinearWeights;
  private key!: LinearWeights;
  private value!: LinearWeights;
  private attentionDense!: LinearWeights;
  private attentionNorm!: NormWeights;
  private intermediateDense!: LinearWeights;
  private outputDense!: LinearWeights;
  private outputNorm!: NormWeights;

  constructor(args: EncoderLayerArgs) {
    super(args);
    this.args = args;
    this.activate = activationFunction(args.hiddenAct);
    const site = (path: string, rate: number): DropoutSite => ({ rate, salt: hash32(`${this.name}.${path}`) });
    this.attentionDropout = site('attention.self.dropout', args.attentionProbsDropoutProb);
    this.attentionOutputDropout = site('attention.output.dropout', args.hiddenDropoutProb);
    this.outputDropout = site('output.dropout', args.hiddenDropoutProb);
  }

  /** Heads left after pruning, by their original number. */
  get keptHeads(): number[] {
    const removed = new Set(this.args.prunedHeads);
    return Array.from({ length: this.args.numAttentionHeads }, (_, head) => head).filter((head) => !removed.has(head));
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const h = requireDim(firstShape(inputShape), -1, this.name);
    const { numAttentionHeads, intermediateSize } = this.args;
    if (h % numAttentionHeads !== 0) {
      throw new ConfigError(
        `${this.name}: expected the width to be a multiple of ${numAttentionHeads} heads, received ${h}`,
      );
    }
    const headsWidth = (h / numAttentionHeads) * this.keptHeads.length;
    this.query = this.linearWeights('attention.self.query', headsWidth, h);
    this.key = this.linearWeights('attention.self.key', headsWidth, h);
    this.value = this.linearWeights('attention.self.value', headsWidth, h);
    this.attentionDense = this.linearWeights('attention.output.dense', h, headsWidth);
    this.attentionNorm = this.normWeights('attention.output.LayerNorm', h);
    this.intermediateDense = this.linearWeights('intermediate.dense', intermediateSize, h);
    this.outputDense = this.linearWeights('output.dense', h, intermediateSize);
    this.outputNorm = this.normWeights('output.LayerNorm', h);
    super.build(inputShape);
  }

  /**
   * The layer on flat tokens: `[b s, h]` to `[b q, h]`, and the attention probabilities `[b, n, q, s]`, null with `rowSplits`; q = s without
   * `queries`.
   */
  run(
    { x, queries = x, b, bias, headMask, rowSplits }: EncoderLayerInputs,
    context: CallContext,
  ): { x: tf.Tensor; probabilities: tf.Tensor | null } {
    const { layerNormEps } = this.args;
    const projected = [linear(queries, this.query), linear(x, this.key), linear(x, this.value)] as const;
    const n = this.keptHeads.length;
    const asked = queries === x ? 0 : (queries.shape[0] ?? 0) / b;
    const { joined, probabilities } =
      rowSplits === undefined
        ? attend(...projected, { b, n, bias, headMask, dropout: this.attentionDropout, context })
        : { joined: attendRagged(...projected, { n, rowSplits, asked }), probabilities: null };
    const limited = (y: tf.Tensor): tf.Tensor => (rowSplits === undefined || asked > 0 ? y : limitRows(y, rowSplits));
    const ended = (narrow: tf.Tensor, from: tf.Tensor, norm: NormWeights, site: DropoutSite): tf.Tensor =>
      limited(dropoutAddLayerNorm(narrow, from, norm, layerNormEps, { site, context }));
    const attention = linear(limited(joined), this.attentionDense); // [b q, h]
    const attended = ended(attention, queries, this.attentionNorm, this.attentionOutputDropout);
    const wide = limited(this.activate(linear(attended, this.intermediateDense))); // [b q, i]
    const narrow = linear(wide, this.outputDense); // [b q, h]
    return { x: ended(narrow, attended, this.outputNorm, this.outputDropout), probabilities };
  }

  /** `run` that keeps only its inputs for the gradient, and computes the rest again: `[b s, h]` to `[b q, h]`. */
  runRecomputed(
    { x, queries, b, bias, headMask }: EncoderLayerInputs,
    { training, dropoutKey }: CallContext,
  ): tf.Tensor {
    const tensors = [x, queries ?? null, bias, headMask, dropoutKey];
    return recomputed(tensors, [...this.weightsByName.values()], ([input, asked, added, mask, key]) => {
      const inputs = { x: input as tf.Tensor, b, bias: added ?? null, headMask: mask ?? null };
      const context = { training, dropoutKey: (key ?? null) as tf.Tensor1D | null };
      return this.run(asked ? { ...inputs, queries: asked } : inputs, context).x;
    });
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: CallKwargs): tf.Tensor {
    return tf.tidy(() => {
      const [x, mask] = Array.isArray(inputs) ? inputs : [inputs];
      if (x === undefined) throw new ShapeError(`${this.name}: expected [b, s, h], received no input`);
      const [b = 0, s = 0, h = 0] = x.shape;
      const bias = mask === undefined ? null : attentionBias(mask);
      const flat = { x: tf.reshape(x, [b * s, h]), b, bias, headMask: null };
      return tf.reshape(this.run(flat, this.contextOf(kwargs)).x, [b, s, h]);
    });
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return firstShape(inputShape);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { hiddenAct, numAttentionHeads, intermediateSize, hiddenDropoutProb, attentionProbsDropoutProb } = this.args;
    return {
      ...super.getConfig(),
      numAttentionHeads,
      intermediateSize,
      hiddenAct: activationName(hiddenAct, this.name),
      hiddenDropoutProb,
      attentionProbsDropoutProb,
      layerNormEps: this.args.layerNormEps,
      prunedHeads: [...(this.args.prunedHeads ?? [])],
    };
  }
}
tf.serialization.registerClass(EncoderLayer);
