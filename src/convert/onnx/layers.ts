// The layers of src/layers in ONNX's operators, one function a layer, each for inference and for one path of weight names.
import type { VisualBertConfig } from '../../config/config.js';
import { MASKED_SCORE } from '../../layers/attention.js';
import { TRANSFORM } from '../../layers/head-transform.js';
import { addActivation } from './activations.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { DATA_TYPES } from './messages.js';

/** `y = x W^T + b` over the last axis. */
export function linear(g: GraphBuilder, x: Value, path: string): Value {
  const product = g.add('MatMul', [x, g.parameter(`${path}.weight`, 'transposed')]);
  return g.add('Add', [product, g.parameter(`${path}.bias`)]);
}

/** Layer normalisation over the last axis. */
export function layerNorm(g: GraphBuilder, x: Value, path: string, { layerNormEps }: VisualBertConfig): Value {
  const inputs = [x, g.parameter(`${path}.weight`), g.parameter(`${path}.bias`)];
  return g.add('LayerNormalization', inputs, { axis: -1, epsilon: { float: layerNormEps } });
}

/** What to add to attention scores: mask `[b, s]` to `[b, 1, 1, s]`. */
export function attentionBias(g: GraphBuilder, mask: Value): Value {
  const isMasked = g.add('Equal', [mask, g.integer(0)]);
  return g.add('Unsqueeze', [g.add('Where', [isMasked, g.float(MASKED_SCORE), g.float(0)]), g.integers(1, 2)]);
}

/** What an encoder layer reads. */
export interface EncoderLayerValues {
  /** `[b, s, h]` */
  x: Value;
  /** `[b, q, h]`: the states that are wanted. */
  queries: Value;
  /** `[b, 1, 1, s]` */
  bias: Value;
}

/** One encoder layer: `[b, q, h]`. @param heads those left after pruning. */
export function encoderLayer(
  g: GraphBuilder,
  path: string,
  { x, queries, bias }: EncoderLayerValues,
  config: VisualBertConfig,
  heads: number,
): Value {
  const headSize = config.hiddenSize / config.numAttentionHeads;
  const split = (states: Value, part: string, perm: readonly number[]): Value => {
    const projected = linear(g, states, `${path}.attention.self.${part}`);
    return g.add('Transpose', [g.add('Reshape', [projected, g.integers(0, 0, heads, headSize)])], { perm });
  };
  const q = split(queries, 'query', [0, 2, 1, 3]); // [b, n, q, d]
  const k = split(x, 'key', [0, 2, 3, 1]); // [b, n, d, s]
  const v = split(x, 'value', [0, 2, 1, 3]); // [b, n, s, d]
  const scores = g.add('Mul', [g.add('MatMul', [q, k]), g.float(1 / Math.sqrt(headSize))]);
  const probabilities = g.add('Softmax', [g.add('Add', [scores, bias])], { axis: -1 }); // [b, n, q, s]
  const attended = g.add('Transpose', [g.add('MatMul', [probabilities, v])], { perm: [0, 2, 1, 3] });
  const joined = g.add('Reshape', [attended, g.integers(0, 0, heads * headSize)]); // [b, q, n d]
  const attention = g.add('Add', [linear(g, joined, `${path}.attention.output.dense`), queries]);
  const middle = layerNorm(g, attention, `${path}.attention.output.LayerNorm`, config);
  const wide = addActivation(g, config.hiddenAct, linear(g, middle, `${path}.intermediate.dense`));
  const narrow = g.add('Add', [linear(g, wide, `${path}.output.dense`), middle]);
  return layerNorm(g, narrow, `${path}.output.LayerNorm`, config);
}

/** The pooled state of the first of `states [b, ..., h]`: `[b, h]`. */
export function pooler(g: GraphBuilder, states: Value, path: string): Value {
  const cls = g.add('Gather', [states, g.integer(0)], { axis: 1 });
  return g.add('Tanh', [linear(g, cls, `${path}.dense`)]);
}

/** Dense, activation, layer norm: before the last layer of some heads. */
export function headTransform(g: GraphBuilder, x: Value, path: string, config: VisualBertConfig): Value {
  const dense = addActivation(g, config.hiddenAct, linear(g, x, `${path}.${TRANSFORM.dense}`));
  return layerNorm(g, dense, `${path}.${TRANSFORM.norm}`, config);
}

/** Scores of the classes: `[b, h]` to `[b, c]`. */
export function classifier(g: GraphBuilder, x: Value, path: string, config: VisualBertConfig): Value {
  return linear(g, config.classifierTransform ? headTransform(g, x, path, config) : x, path);
}

/** Scores of the words: `[b, s, h]` to `[b, s, w]`. @param wordTable the name of the table that a tied decoder shares. */
export function maskedLmHead(
  g: GraphBuilder,
  x: Value,
  path: string,
  wordTable: string,
  config: VisualBertConfig,
): Value {
  const transformed = headTransform(g, x, path, config);
  if (!config.tieWordEmbeddings) return linear(g, transformed, `${path}.decoder`);
  const decoder = g.add('Transpose', [g.parameter(wordTable)], { perm: [1, 0] }); // one table in the file serves both ends
  return g.add('Add', [g.add('MatMul', [transformed, decoder]), g.parameter(`${path}.bias`)]);
}

/** Scores of each region for each phrase: `[b, p, h]`, `[b, v, h]` and the region mask `[b, v]` to `[b, p, v]`. */
export function regionToPhraseAttention(
  g: GraphBuilder,
  { phrases, regions, mask }: { phrases: Value; regions: Value; mask: Value },
  path: string,
  { hiddenSize, numAttentionHeads }: VisualBertConfig,
): Value {
  const queries = linear(g, phrases, `${path}.query`); // [b, p, d]
  const keys = g.add('Transpose', [linear(g, regions, `${path}.key`)], { perm: [0, 2, 1] }); // [b, d, v]
  const scale = g.float(1 / Math.sqrt(Math.floor(hiddenSize / numAttentionHeads)));
  const scores = g.add('Mul', [g.add('MatMul', [queries, keys]), scale]); // [b, p, v]
  const masked = g.add('Sub', [g.float(1), g.add('Cast', [mask], { to: DATA_TYPES.float32 })]); // [b, v]
  const bias = g.add('Mul', [masked, g.float(MASKED_SCORE)]);
  return g.add('Add', [scores, g.add('Unsqueeze', [bias, g.integers(1)])]);
}
