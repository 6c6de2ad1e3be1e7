// Text tokens and image regions as one sequence of vectors.
import { tf } from '#tf';
import { ShapeError } from '../errors.js';
import { hash32 } from '../random/philox.js';
import { dropout, type CallContext, type DropoutSite } from './dropout.js';
import { layerNorm, type NormWeights } from './layer-norm.js';
import { linear, type LinearWeights } from './linear.js';
import { lookup } from './lookup.js';
import { WeightedLayer, type CallKwargs, type WeightedLayerArgs } from './weighted-layer.js';

export interface EmbeddingsArgs extends WeightedLayerArgs {
  vocabSize: number;
  hiddenSize: number;
  visualEmbeddingDim: number;
  maxPositionEmbeddings: number;
  typeVocabSize: number;
  padTokenId: number | null;
  layerNormEps: number;
  hiddenDropoutProb: number;
}

/** Integer inputs are int32; absent ones take their defaults. Exactly one of `inputIds` and `inputsEmbeds` is given. */
export interface EmbeddingsInputs {
  /** `[b, t]` */
  inputIds?: tf.Tensor;
  /** `[b, t, h]`, in place of looking `inputIds` up. */
  inputsEmbeds?: tf.Tensor;
  /** `[b, t]`; default 0. */
  tokenTypeIds?: tf.Tensor;
  /** `[b, t]` or `[1, t]`; default 0 to t - 1. */
  positionIds?: tf.Tensor;
  /** `[b, v, D]` region features; absent: no regions. */
  visualEmbeds?: tf.Tensor;
  /** `[b, v]`; default 1, as in transformers (the authors use 0 for all tasks but NLVR2). */
  visualTokenTypeIds?: tf.Tensor;
  /** `[b, v or more, a]`: text positions that each region belongs to, -1 for none. */
  imageTextAlignment?: tf.Tensor;
}

/**
 * `dropout(norm(concat(text, regions)))`, where
 * text = word + type + position and region = projection + visual type + visual position 0 (+ mean of the aligned text positions).
 *
 * Call in a tf.model: `[inputIds]`, `[inputIds, visualEmbeds]` or `[inputIds, tokenTypeIds, visualEmbeds, visualTokenTypeIds]`,
 * to `[b, t + v, h] float32`. Regions take no text position: only t is bounded by the position table.
 * @example
 * const sizes = { vocabSize: 30, hiddenSize: 12, visualEmbeddingDim: 8, maxPositionEmbeddings: 16, typeVocabSize: 2 };
 * const rest = { padTokenId: 0, layerNormEps: 1e-12, hiddenDropoutProb: 0.1, initializerRange: 0.02 };
 * const [words, regions] = [tf.input({ shape: [5], dtype: 'int32' }), tf.input({ shape: [6, 8] })];
 * const embedded = new Embeddings({ ...sizes, ...rest }).apply([words, regions]); // [b, 11, 12]
 * @see https://arxiv.org/abs/1908.03557 section 3.2
 */
export class Embeddings extends WeightedLayer {
  static readonly className = 'VisualBertEmbeddings';
  private readonly args: EmbeddingsArgs;
  private readonly dropoutSite: DropoutSite;
  /** `[vocabSize, h]`, which the masked-LM decoder shares. */
  wordTable!: tf.Variable;
  private positionTable!: tf.Variable;
  private typeTable!: tf.Variable;
  private norm!: NormWeights;
  private visualTypeTable!: tf.Variable;
  private visualPositionTable!: tf.Variable;
  private visualProjection!: LinearWeights;

  constructor(args: EmbeddingsArgs) {
    super(args);
    this.args = args;
    this.dropoutSite = { rate: args.hiddenDropoutProb, salt: hash32(`${this.name}.dropout`) };
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const {
      vocabSize,
      hiddenSize: h,
      maxPositionEmbeddings,
      typeVocabSize,
      visualEmbeddingDim,
      padTokenId,
    } = this.args;
    const zeroRow = padTokenId === null ? {} : { zeroRow: padTokenId };
    const table = (name: string, rows: number): tf.Variable => this.weight(`${name}.weight`, [rows, h], this.normal());
    this.wordTable = this.weight('word_embeddings.weight', [vocabSize, h], { ...this.normal(), ...zeroRow });
    this.positionTable = table('position_embeddings', maxPositionEmbeddings);
    this.typeTable = table('token_type_embeddings', typeVocabSize);
    this.norm = this.normWeights('LayerNorm', h);
    this.visualTypeTable = table('visual_token_type_embeddings', typeVocabSize);
    this.visualPositionTable = table('visual_position_embeddings', maxPositionEmbeddings);
    this.visualProjection = this.linearWeights('visual_projection', h, visualEmbeddingDim);
    super.build(inputShape);
  }

  /** Copies the text type and position tables to the visual ones: the authors' special initialisation. */
  copyTextTables(): void {
    this.visualTypeTable.assign(this.typeTable);
    this.visualPositionTable.assign(this.positionTable);
  }

  /** `[b, s, h]` with s = t + v. */
  run(inputs: EmbeddingsInputs, context: CallContext): tf.Tensor {
    const text = this.textVectors(inputs); // [b, t, h]
    const { visualEmbeds } = inputs;
    const isTextAlone = visualEmbeds === undefined || visualEmbeds.shape[1] === 0; // an empty gradient cannot be reshaped
    const all = isTextAlone ? text : tf.concat([text, this.regionVectors(visualEmbeds, inputs)], 1);
    return dropout(layerNorm(all, this.norm, this.args.layerNormEps), this.dropoutSite, context); // [b, s, h]
  }

  private textVectors({ inputIds, inputsEmbeds, tokenTypeIds, positionIds }: EmbeddingsInputs): tf.Tensor {
    const words = inputsEmbeds ?? lookup(this.wordTable, requireIds(inputIds, this.name), this.args.padTokenId);
    const t = words.shape[1] ?? 0;
    const types = tokenTypeIds === undefined ? rowsOf(this.typeTable, 0, 1) : lookup(this.typeTable, tokenTypeIds);
    const positions =
      positionIds === undefined ? rowsOf(this.positionTable, 0, t) : lookup(this.positionTable, positionIds);
    return tf.add(tf.add(words, types), positions); // [b, t, h]
  }

  private regionVectors(
    visualEmbeds: tf.Tensor,
    { visualTokenTypeIds, imageTextAlignment }: EmbeddingsInputs,
  ): tf.Tensor {
    const [b = 0, v = 0, width = 0] = visualEmbeds.shape;
    const flat = linear(tf.reshape(visualEmbeds, [b * v, width]), this.visualProjection); // [b v, h]
    const projected = tf.reshape(flat, [b, v, this.args.hiddenSize]);
    const types =
      visualTokenTypeIds === undefined
        ? rowsOf(this.visualTypeTable, 1, 1)
        : lookup(this.visualTypeTable, visualTokenTypeIds);
    const embedded = tf.add(tf.add(projected, types), rowsOf(this.visualPositionTable, 0, 1)); // [b, v, h]
    if (imageTextAlignment === undefined) return embedded;
    return tf.add(embedded, this.alignedPositions(tf.slice(imageTextAlignment, [0, 0, 0], [-1, v, -1])));
  }

  /** Mean of the text positions that each region belongs to: `[b, v, a] int32`, -1 = none, to `[b, v, h]` (0 without any). */
  private alignedPositions(alignment: tf.Tensor): tf.Tensor {
    const isAligned = tf.cast(tf.notEqual(alignment, -1), 'int32'); // [b, v, a]
    const positions = lookup(this.positionTable, tf.mul(alignment, isAligned)); // [b, v, a, h]
    const weights = tf.cast(isAligned, 'float32');
    const counts = tf.maximum(tf.sum(weights, 2, true), 1); // [b, v, 1]
    return tf.div(tf.sum(tf.mul(positions, tf.expandDims(weights, -1)), 2), counts);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs?: CallKwargs): tf.Tensor {
    return tf.tidy(() => this.run(namedInputs(inputs), this.contextOf(kwargs)));
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as tf.Shape[];
    const [b = null, t = null] = shapes[0] ?? [];
    const regions = shapes.length === 1 ? [null, 0] : shapes[shapes.length === 2 ? 1 : 2];
    const v = regions?.[1] ?? null;
    return [b, t === null || v === null ? null : t + v, this.args.hiddenSize];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { vocabSize, hiddenSize, visualEmbeddingDim, maxPositionEmbeddings, typeVocabSize, padTokenId } = this.args;
    const { layerNormEps, hiddenDropoutProb } = this.args;
    const sizes = { vocabSize, hiddenSize, visualEmbeddingDim, maxPositionEmbeddings, typeVocabSize, padTokenId };
    return { ...super.getConfig(), ...sizes, layerNormEps, hiddenDropoutProb };
  }
}
tf.serialization.registerClass(Embeddings);

/** `count` rows of a table from `start`: `[count, h]`. */
function rowsOf(table: tf.Tensor, start: number, count: number): tf.Tensor {
  return tf.slice(table, [start, 0], [count, -1]);
}

function requireIds(ids: tf.Tensor | undefined, who: string): tf.Tensor {
  if (ids !== undefined) return ids;
  throw new ShapeError(
    `${who}: expected inputIds [b, t] or inputsEmbeds [b, t, h], received neither; pass one of them`,
  );
}

/** The inputs of a call in a tf.model, identified by their number. */
function namedInputs(inputs: tf.Tensor | tf.Tensor[]): EmbeddingsInputs {
  const [inputIds, ...rest] = Array.isArray(inputs) ? inputs : [inputs];
  const names =
    rest.length === 1 ? (['visualEmbeds'] as const) : (['tokenTypeIds', 'visualEmbeds', 'visualTokenTypeIds'] as const);
  const named: EmbeddingsInputs = inputIds === undefined ? {} : { inputIds };
  names.forEach((name, i) => {
    const tensor = rest[i];
    if (tensor !== undefined) named[name] = tensor;
  });
  return named;
}
