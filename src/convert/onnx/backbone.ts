// The body of every class in ONNX's operators: embeddings and encoder.
import type { VisualBertConfig } from '../../config/config.js';
import type { GraphBuilder, Value } from './graph-builder.js';
import { attentionBias, encoderLayer, layerNorm, linear } from './layers.js';

/** Inputs of the body. Ids and masks are int64. */
export interface BackboneValues {
  /** `[b, t]` */
  inputIds: Value;
  /** `[b, t]` */
  attentionMask: Value;
  /** `[b, t]` */
  tokenTypeIds: Value;
  /** `[b, v, D]` float32 */
  visualEmbeds: Value;
  /** `[b, v]` */
  visualAttentionMask: Value;
  /** `[b, v]` */
  visualTokenTypeIds: Value;
  /** `[b, v, a]`: text positions of each region, -1 for none. */
  imageTextAlignment?: Value;
}

/** Chooses the states that a head reads: `[b, s, h]` to `[b, q, h]`. */
export type StateChoice = (states: Value) => Value;

/**
 * The states of the sequence, `[b, s, h]`, or those that `choose` takes, `[b, q, h]`: the last layer then computes no others.
 * @param prefix before the parameters' names: `visual_bert.` inside a head class.
 */
export function backbone(
  g: GraphBuilder,
  prefix: string,
  inputs: BackboneValues,
  config: VisualBertConfig,
  choose: StateChoice = (states) => states,
): Value {
  const embedded = embeddings(g, `${prefix}embeddings`, inputs, config);
  const mask = g.add('Concat', [inputs.attentionMask, inputs.visualAttentionMask], { axis: 1 });
  const bias = attentionBias(g, mask);
  if (!config.bypassTransformer) return encoder(g, prefix, embedded, bias, config, choose);
  const t = g.sizes(inputs.inputIds, 1, 2);
  const text = g.slice(embedded, 1, g.integers(0), t);
  const regions = g.slice(embedded, 1, t, g.sizes(embedded, 1, 2));
  const encoded = encoder(g, prefix, text, attentionBias(g, inputs.attentionMask), config, (states) => states);
  const joined = g.add('Concat', [encoded, regions], { axis: 1 });
  const queries = choose(joined);
  const layer = { x: joined, queries, bias };
  const last = encoderLayer(g, `${prefix}additional_layer`, layer, config, config.numAttentionHeads);
  const hasRegions = g.add('Greater', [g.sizes(inputs.visualEmbeds, 1, 2), g.integers(0)]);
  return g.add('Where', [hasRegions, last, queries]); // text alone does not pass the additional layer
}

function encoder(
  g: GraphBuilder,
  prefix: string,
  embedded: Value,
  bias: Value,
  config: VisualBertConfig,
  choose: StateChoice,
): Value {
  const { numHiddenLayers, numAttentionHeads, prunedHeads } = config;
  let x = embedded;
  for (let i = 0; i < numHiddenLayers; i++) {
    const queries = i === numHiddenLayers - 1 ? choose(x) : x;
    const heads = numAttentionHeads - (prunedHeads[i]?.length ?? 0);
    x = encoderLayer(g, `${prefix}encoder.layer.${i}`, { x, queries, bias }, config, heads);
  }
  return numHiddenLayers === 0 ? choose(x) : x;
}

function embeddings(g: GraphBuilder, path: string, inputs: BackboneValues, config: VisualBertConfig): Value {
  const table = (name: string): Value => g.parameter(`${path}.${name}.weight`);
  const rows = (name: string, ids: Value): Value => g.add('Gather', [table(name), ids]);
  const positions = g.slice(table('position_embeddings'), 0, g.integers(0), g.sizes(inputs.inputIds, 1, 2)); // [t, h]
  const words = rows('word_embeddings', inputs.inputIds);
  const text = g.add('Add', [g.add('Add', [words, rows('token_type_embeddings', inputs.tokenTypeIds)]), positions]);
  const projected = linear(g, inputs.visualEmbeds, `${path}.visual_projection`);
  const types = rows('visual_token_type_embeddings', inputs.visualTokenTypeIds);
  const first = rows('visual_position_embeddings', g.integers(0)); // [1, h]
  const embedded = g.add('Add', [g.add('Add', [projected, types]), first]);
  const regions =
    inputs.imageTextAlignment === undefined
      ? embedded
      : g.add('Add', [embedded, alignedPositions(g, table('position_embeddings'), inputs.imageTextAlignment)]);
  return layerNorm(g, g.add('Concat', [text, regions], { axis: 1 }), `${path}.LayerNorm`, config); // [b, s, h]
}

/** Mean of the text positions that each region belongs to: `[b, v, a]`, -1 = none, to `[b, v, h]` (0 without any). */
function alignedPositions(g: GraphBuilder, table: Value, alignment: Value): Value {
  const isNone = g.add('Equal', [alignment, g.integer(-1)]);
  const positions = g.add('Gather', [table, g.add('Where', [isNone, g.integer(0), alignment])]); // [b, v, a, h]
  const weights = g.add('Where', [isNone, g.float(0), g.float(1)]); // [b, v, a]
  const weighted = g.add('Mul', [positions, g.add('Unsqueeze', [weights, g.integers(3)])]);
  const counts = g.add('Max', [g.add('ReduceSum', [weights, g.integers(2)], { keepdims: 1 }), g.float(1)]);
  return g.add('Div', [g.add('ReduceSum', [weighted, g.integers(2)], { keepdims: 0 }), counts]);
}
