// Collates examples of mixed length into a batch of model inputs, padded to buckets, so that few shapes occur.
import { DataError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import type { RegionFeatures } from '../features/region-features.js';
import { requireKinds } from '../options.js';

/** A text in word pieces with its special tokens. */
export interface EncodedText {
  ids: readonly number[];
  /** 0 for the first segment, 1 for the second. */
  typeIds: readonly number[];
  /** Set where the text was longer, and its rest is not read. */
  isTruncated?: true;
}

/** One encoded example. */
export interface EncodedExample {
  text: EncodedText;
  /** The regions of each of its images, in order; none for text alone. */
  regions: readonly RegionFeatures[];
}

/** Lengths that a batch may be padded to, ascending. A longer batch gets no padding beyond its longest example. */
export interface Buckets {
  text: readonly number[];
  regions: readonly number[];
}

/** 36 and 100 are the usual counts of detectors, 144 that of one NLVR2 image, 288 of two. */
export const DEFAULT_BUCKETS: Buckets = {
  text: [16, 24, 32, 48, 64, 96, 128, 256, 512],
  regions: [8, 16, 36, 64, 100, 144, 200, 288],
};

/** No buckets: every batch is as long as its longest example. */
export const NO_BUCKETS: Buckets = { text: [], regions: [] };

/**
 * The smallest bucket of at least `length`, else `length`.
 * @example
 * bucketOf(5, [4, 8, 16]); // 8
 * bucketOf(20, [4, 8, 16]); // 20
 */
export function bucketOf(length: number, buckets: readonly number[]): number {
  requireKinds('bucketOf', { 'a list': { buckets } });
  return buckets.find((size) => size >= length) ?? length;
}

/** Options of padding a batch. */
export interface PadOptions {
  buckets: Buckets;
  /** Id of the padding token. */
  padId: number;
  /** Maximum positions of the model, which bounds buckets. Default: no limit. */
  longestText?: number;
  /** Exact text length instead of a bucket. */
  textLength?: number;
  /** Returns that many zeros, which `visualEmbeds` are written over, such as memory of an earlier batch. Default: a new array. */
  zeros?: (length: number) => Float32Array;
}

/**
 * The inputs of a batch: `inputIds`, `attentionMask`, `tokenTypeIds` `[b, t] int32`, and, if the examples have regions,
 * `visualEmbeds [b, v, d] float32`, `visualAttentionMask`, `visualTokenTypeIds` `[b, v] int32`. Padding is at the end, masked 0.
 * The regions of several images follow one another and have the image's index (0, 1) as visual type, as the authors join them for NLVR2.
 * @throws DataError when the examples have features of different widths.
 * @example
 * const text = (ids) => ({ ids, typeIds: ids.map(() => 0) });
 * const examples = [[101, 7, 102], [101, 102]].map((ids) => ({ text: text(ids), regions: [] }));
 * const { inputIds } = padBatch(examples, { buckets: { text: [4], regions: [] }, padId: 0 }); // [2, 4]: 101 7 102 0, 101 102 0 0
 */
export function padBatch(examples: readonly EncodedExample[], options: PadOptions): Record<string, RawTensor> {
  requireKinds('padBatch', { 'a list': { examples }, 'an object': { options } });
  const { buckets, padId, longestText = Infinity, zeros = (length) => new Float32Array(length) } = options;
  const b = examples.length;
  const longest = Math.max(...examples.map(({ text }) => text.ids.length));
  const t = options.textLength ?? Math.max(longest, Math.min(bucketOf(longest, buckets.text), longestText));
  const inputIds = new Int32Array(b * t).fill(padId);
  const attentionMask = new Int32Array(b * t);
  const tokenTypeIds = new Int32Array(b * t);
  examples.forEach(({ text }, i) => {
    inputIds.set(text.ids, i * t);
    attentionMask.fill(1, i * t, i * t + text.ids.length);
    tokenTypeIds.set(text.typeIds, i * t);
  });
  const int32 = (data: Int32Array, ...shape: number[]): RawTensor => ({ dtype: 'int32', shape, data });
  const inputs: Record<string, RawTensor> = {
    inputIds: int32(inputIds, b, t),
    attentionMask: int32(attentionMask, b, t),
    tokenTypeIds: int32(tokenTypeIds, b, t),
  };
  const dims = new Set(examples.flatMap(({ regions }) => regions.map(({ dim }) => dim)));
  if (dims.size === 0) return inputs;
  if (dims.size > 1)
    throw new DataError(`one batch: expected features of one width, received ${[...dims].join(' and ')}`);
  const [dim = 0] = dims;
  const counts = examples.map(({ regions }) => regions.reduce((sum, { count }) => sum + count, 0));
  const v = bucketOf(Math.max(...counts), buckets.regions);
  const visualEmbeds = zeros(b * v * dim);
  const visualAttentionMask = new Int32Array(b * v);
  const visualTokenTypeIds = new Int32Array(b * v);
  examples.forEach(({ regions }, i) => {
    let at = i * v;
    regions.forEach(({ features, count }, image) => {
      visualEmbeds.set(features, at * dim);
      visualAttentionMask.fill(1, at, at + count);
      visualTokenTypeIds.fill(image, at, at + count);
      at += count;
    });
  });
  return {
    ...inputs,
    visualEmbeds: { dtype: 'float32', shape: [b, v, dim], data: visualEmbeds },
    visualAttentionMask: int32(visualAttentionMask, b, v),
    visualTokenTypeIds: int32(visualTokenTypeIds, b, v),
  };
}
