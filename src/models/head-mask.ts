// Head masks: factors of the attention probabilities, in every shape that transformers accepted.
import { tf } from '#tf';
import { ShapeError } from '../errors.js';

/**
 * The mask of one layer, broadcast to `[b, n, s, s]`; null without a mask.
 * @param mask `[n]`, `[layers, n]` or `[layers, b, n, s, s]` with any axis but n allowed to be 1.
 * @param keptHeads heads left after pruning, by original number.
 */
export function headMaskOf(mask: tf.Tensor | undefined, layer: number, keptHeads: readonly number[]): tf.Tensor | null {
  if (mask === undefined) return null;
  const values = tf.cast(mask, 'float32');
  const n = mask.shape[mask.rank === 5 ? 2 : mask.rank - 1] ?? 0;
  const row = mask.shape[0] === 1 ? 0 : layer;
  const ofLayer =
    mask.rank === 1
      ? tf.reshape(values, [1, n, 1, 1])
      : tf.reshape(tf.slice(values, row, 1), mask.rank === 2 ? [1, n, 1, 1] : mask.shape.slice(1));
  return keptHeads.length === n ? ofLayer : tf.gather(ofLayer, [...keptHeads], 1);
}

/** Whether a mask has a factor of its own for each query, `[layers, b, n, s, s]`. */
export function hasQueryAxis(mask: tf.Tensor | undefined): boolean {
  return mask?.rank === 5 && mask.shape[3] !== 1;
}

/** @throws ShapeError for a shape that `headMaskOf` does not accept. */
export function requireHeadMask(
  who: string,
  mask: { readonly shape: readonly number[] } | undefined,
  layers: number,
  heads: number,
): void {
  if (mask === undefined) return;
  const { shape } = mask;
  const fits =
    (shape.length === 1 && shape[0] === heads) ||
    (shape.length === 2 && shape[0] === layers && shape[1] === heads) ||
    (shape.length === 5 && (shape[0] === layers || shape[0] === 1) && shape[2] === heads);
  if (fits) return;
  throw new ShapeError(
    `${who}: expected headMask [${heads}], [${layers}, ${heads}] or [${layers}, b, ${heads}, s, s], ` +
      `received [${shape.join(', ')}]; give one factor per head`,
  );
}
