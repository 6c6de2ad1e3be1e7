// Measures the share of padding in batches.
import type { Batch } from '../inference/fill-batch.js';

/** Masks of tokens and regions: 1 in use, 0 padding. */
export const MASKS = ['attentionMask', 'visualAttentionMask'] as const;

/** Counts the tokens and regions of a batch padded to `size` examples: all of them, and the padding. */
export function countPadding({ inputs, count }: Batch, size: number): { all: number; padded: number } {
  const masks = MASKS.flatMap((name) => (inputs[name] === undefined ? [] : [inputs[name].data]));
  const all = masks.reduce((sum, { length }) => sum + (length / count) * size, 0);
  const used = masks.reduce((sum, mask) => sum + Array.from(mask).filter((value) => value !== 0).length, 0);
  return { all, padded: all - used };
}
