// New parameter values for a changed architecture: another vocabulary, or fewer attention heads.
import { tf } from '#tf';
import { encoderLayerOf, isDecoderBias, joinsAttentionHeads } from './pretrained/parameter-names.js';
import { requireField } from '../config/fields.js';
import { ConfigError } from '../errors.js';
import { normalValues } from '../random/values.js';
import { requireKinds } from '../options.js';

/** Options of resizing the vocabulary. */
export interface ResizeOptions {
  /** New rows are drawn around the mean of the old ones, with 1e-9 of their covariance; false: as fresh weights. Default true. */
  meanResizing?: boolean;
  /** Rounds the number of rows up to a multiple of this. */
  padToMultipleOf?: number;
  /** Default 0. */
  seed?: number;
}

/** Share of the old rows' covariance that new rows get, as in transformers. */
const COVARIANCE_SHARE = 1e-9;

/** Computes a parameter's new value from its name, old value and new shape. The caller owns the result. */
export type ChangedParameter = (name: string, value: tf.Variable, shape: number[]) => tf.Tensor;

/** The new vocabulary size. @throws ConfigError for counts that are not whole numbers. */
export function resizedCount(who: string, count: number, options: ResizeOptions): number {
  requireKinds(who, { 'an object': { options } });
  const { padToMultipleOf = 1 } = options;
  if (!Number.isInteger(count) || !(Number.isInteger(padToMultipleOf) && padToMultipleOf > 0)) {
    throw new ConfigError(
      `${who}: expected a whole number of words, a multiple of a positive one, received ${count} and ${padToMultipleOf}`,
    );
  }
  return Math.ceil(count / padToMultipleOf) * padToMultipleOf;
}

/** Parameters for a vocabulary of `vocabSize` words: tables and the decoder's bias change, the others are copied. */
export function resizedParameter(
  vocabSize: number,
  { meanResizing = true, seed = 0, initializerRange }: ResizeOptions & { initializerRange: number },
): ChangedParameter {
  return (name, value, shape) => {
    if (`${value.shape}` === `${shape}`) return tf.clone(value);
    if (shape.length === 1) return resizedBias(value, vocabSize, meanResizing && isDecoderBias(name));
    return resizedTable(value, vocabSize, { name, initializerRange, meanResizing, seed });
  };
}

/** How new rows are drawn. */
interface NewRows {
  name: string;
  initializerRange: number;
  meanResizing: boolean;
  seed: number;
}

/** A table `[rows, h]` with `count` rows: the first ones are kept. The caller owns the result. */
function resizedTable(table: tf.Tensor, count: number, options: NewRows): tf.Tensor {
  const [rows = 0, h = 0] = table.shape;
  if (count <= rows) return tf.slice(table, [0, 0], [count, h]);
  const { name, initializerRange, meanResizing, seed } = options;
  return tf.tidy(() => {
    const draw = (width: number, stddev: number): tf.Tensor => {
      const values = normalValues((count - rows) * width, { seed, name: `${name} (new rows)`, stddev });
      return tf.tensor(values, [count - rows, width]);
    };
    if (!meanResizing) return tf.concat([table, draw(h, initializerRange)], 0);
    const mean = tf.mean(table, 0, true); // [1, h]
    const centers = tf.tile(mean, [count - rows, 1]);
    // weights z of the centred rows give noise of exactly their covariance; with too few rows the covariance is singular, and transformers adds no noise
    const noise = rows > h ? tf.matMul(draw(rows, Math.sqrt(COVARIANCE_SHARE / rows)), tf.sub(table, mean)) : 0;
    return tf.concat([table, tf.add(centers, noise)], 0);
  });
}

/** A bias `[rows]` with `count` entries: the first ones are kept, new ones are their mean, or 0. The caller owns the result. */
function resizedBias(bias: tf.Tensor, count: number, isMean: boolean): tf.Tensor {
  const [rows = 0] = bias.shape;
  if (count <= rows) return tf.slice(bias, [0], [count]);
  return tf.tidy(() => {
    const fill = isMean ? tf.tile(tf.mean(bias, 0, true), [count - rows]) : tf.zeros([count - rows]);
    return tf.concat([bias, fill], 0);
  });
}

/** All removed heads of each layer: those of the configuration and new ones. @throws ConfigError for an unknown layer or head. */
export function joinPrunedHeads(
  before: Readonly<Record<number, readonly number[]>>,
  added: Readonly<Record<number, readonly number[]>>,
  { layers, heads }: { layers: number; heads: number },
): Record<number, number[]> {
  requireField('prunedHeads', added);
  const joined = Object.fromEntries(Object.entries(before).map(([layer, removed]) => [layer, [...removed]]));
  for (const [layer, removed] of Object.entries(added)) {
    const isLayer = Number.isInteger(Number(layer)) && Number(layer) >= 0 && Number(layer) < layers;
    const wrong = removed.find((head) => !Number.isInteger(head) || head < 0 || head >= heads);
    if (!isLayer || wrong !== undefined) {
      throw new ConfigError(
        `pruneHeads: expected layers from 0 to ${layers - 1} and heads from 0 to ${heads - 1}, ` +
          `received layer ${layer}${wrong === undefined ? '' : ` with head ${wrong}`}`,
      );
    }
    const all = [...new Set([...(joined[layer] ?? []), ...removed])].sort((a, b) => a - b);
    if (all.length === heads)
      throw new ConfigError(`pruneHeads: layer ${layer} would lose all ${heads} heads; keep one`);
    joined[layer] = all;
  }
  return joined;
}

/**
 * The part of an attention weight that belongs to the heads left: rows of query, key and value, columns of the output.
 * @param headsBefore the heads it has, by original number, in their order. The caller owns the result.
 */
function keptHeadsOf(
  weight: tf.Tensor,
  axis: number,
  headsBefore: readonly number[],
  headsAfter: readonly number[],
): tf.Tensor {
  const headSize = (weight.shape[axis] ?? 0) / headsBefore.length;
  const indices = headsAfter.flatMap((head) => {
    const start = headsBefore.indexOf(head) * headSize;
    return Array.from({ length: headSize }, (_, i) => start + i);
  });
  return tf.gather(weight, tf.tensor1d(indices, 'int32'), axis);
}

/** Heads removed from each layer, by original number. */
type PrunedHeads = Readonly<Record<number, readonly number[]>>;

/** Parameters without the heads that `after` removes in addition to `before`: attention weights change, the others are copied. */
export function prunedParameter(before: PrunedHeads, after: PrunedHeads, heads: number): ChangedParameter {
  const left = (removed: PrunedHeads, layer: number): number[] =>
    Array.from({ length: heads }, (_, head) => head).filter((head) => !removed[layer]?.includes(head));
  return (name, value, shape) => {
    if (`${value.shape}` === `${shape}`) return tf.clone(value);
    const layer = encoderLayerOf(name) ?? NaN;
    const axis = joinsAttentionHeads(name) ? 1 : 0;
    return tf.tidy(() => keptHeadsOf(value, axis, left(before, layer), left(after, layer)));
  };
}
