// How much of the batches is padding.
import { type Batch } from '../task.js';

/** Inputs that tell tokens and regions in use (1) from padding (0). */
export const MASKS = ['attentionMask', 'visualAttentionMask'] as const;

/** Tokens and regions of a batch that is filled up to `size` examples: all of them, and those that are padding. */
export function countPadding({ inputs, count }: Batch, size: number): { all: number; padded: number } {
  const masks = MASKS.flatMap((name) => (inputs[name] === undefined ? [] : [inputs[name].data]));
  const all = masks.reduce((sum, { length }) => sum + (length / count) * size, 0);
  const used = masks.reduce((sum, mask) => sum + Array.from(mask).filter((value) => value !== 0).length, 0);
  return { all, padded: all - used };
}
