// New parameter values for a changed architecture: another vocabulary, or fewer attention heads.
import * as tf from '@tensorflow/tfjs';
import { requireField } from '../config-fields.js';
import { ConfigError } from '../errors.js';
import { normalValues } from '../random/values.js';

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

/** How new rows are drawn. */
interface NewRows {
  name: string;
  initializerRange: number;
  meanResizing: boolean;
  seed: number;
}

/** A table `[rows, h]` with `count` rows: the first ones are kept. The caller owns the result. */
export function resizedTable(table: tf.Tensor, count: number, options: NewRows): tf.Tensor {
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
    // weights z of the centred rows give noise of exactly their covariance; with too few rows that has no full rank, and transformers adds none
    const noise = rows > h ? tf.matMul(draw(rows, Math.sqrt(COVARIANCE_SHARE / rows)), tf.sub(table, mean)) : 0;
    return tf.concat([table, tf.add(centers, noise)], 0);
  });
}

/** A bias `[rows]` with `count` entries: the first ones are kept, new ones are their mean, or 0. The caller owns the result. */
export function resizedBias(bias: tf.Tensor, count: number, isMean: boolean): tf.Tensor {
  const [rows = 0] = bias.shape;
  if (count <= rows) return tf.slice(bias, [0], [count]);
  return tf.tidy(() => {
    const fill = isMean ? tf.tile(tf.mean(bias, 0, true), [count - rows]) : tf.zeros([count - rows]);
    return tf.concat([bias, fill], 0);
  });
}

/** All removed heads of each layer: those of the configuration and new ones. @throws ConfigError for a layer or head that is not there. */
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
export function keptHeadsOf(
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
