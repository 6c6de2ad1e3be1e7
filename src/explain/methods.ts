// The three methods that read attention: the row of a position over the sequence, its own entry 0.
import type { LayerAttention } from './trace.js';

/**
 * How much `position` attends to every other one in one layer: of one head, or the mean of all. `[s]`.
 * @see Chefer, Gur and Wolf 2021, "raw attention"
 */
export function attentionRow(layer: LayerAttention, position: number, s: number, head: number | null): Float64Array {
  const row = new Float64Array(s);
  const { size, attention, heads } = layer;
  if (position >= size) return row; // a region, in a layer over the text alone
  for (let h = 0; h < heads; h++) {
    if (head !== null && h !== head) continue;
    const start = (h * size + position) * size;
    for (let j = 0; j < size; j++)
      row[j] = (row[j] as number) + (attention[start + j] as number) / (head === null ? heads : 1);
  }
  row[position] = 0;
  return row;
}

/**
 * Attention rollout: the row of `position` in the product of `(mean over heads of A + I)`, each row divided by its sum, over all layers. `[s]`.
 * @see https://arxiv.org/abs/2005.00928
 */
export function rolloutRow(layers: readonly LayerAttention[], position: number, s: number): Float64Array {
  return rowThrough(layers, position, s, (layer, i, add) => {
    const mean = meanRow(layer, i, ({ attention }, at) => attention[at] as number);
    const sum = 1 + mean.reduce((total, value) => total + value, 0);
    mean.forEach((value, j) => add(j, value / sum));
    return 1 / sum;
  });
}

/**
 * Gradient-weighted relevance: R starts as the identity, each layer adds `mean over heads of max(0, gradient * A)` times R; the row of
 * `position`. `[s]`.
 * @see https://arxiv.org/abs/2103.15679 equations 5 and 6
 */
export function relevanceRow(layers: readonly LayerAttention[], position: number, s: number): Float64Array {
  return rowThrough(layers, position, s, (layer, i, add) => {
    const mean = meanRow(layer, i, ({ attention, gradient }, at) =>
      Math.max(0, (attention[at] as number) * (gradient[at] as number)),
    );
    mean.forEach((value, j) => add(j, value));
    return 1;
  });
}

/**
 * One row of a product of matrices, the last layer's first: row `e_position M_L ... M_1`. A matrix is given row by row: `spread` adds the share
 * that position i passes on to others, and returns the factor that it keeps.
 */
function rowThrough(
  layers: readonly LayerAttention[],
  position: number,
  s: number,
  spread: (layer: LayerAttention, i: number, add: (j: number, share: number) => void) => number,
): Float64Array {
  let row = new Float64Array(s);
  row[position] = 1;
  for (const layer of [...layers].reverse()) {
    const next = row.slice();
    for (let i = 0; i < layer.size; i++) {
      const weight = row[i] as number;
      if (weight === 0) continue;
      const kept = spread(layer, i, (j, share) => (next[j] = (next[j] as number) + weight * share));
      next[i] = (next[i] as number) + weight * (kept - 1);
    }
    row = next;
  }
  row[position] = 0;
  return row;
}

/** The mean over heads of a value for each pair (i, j), as a row. */
function meanRow(layer: LayerAttention, i: number, value: (layer: LayerAttention, at: number) => number): Float64Array {
  const { heads, size } = layer;
  const row = new Float64Array(size);
  for (let h = 0; h < heads; h++) {
    const start = (h * size + i) * size;
    for (let j = 0; j < size; j++) row[j] = (row[j] as number) + value(layer, start + j) / heads;
  }
  return row;
}
