// Lengths that batches are padded to, fitted to a data set: little padding, and few shapes, since each shape is recorded once.
import { bucketOf, type Buckets, DEFAULT_BUCKETS, NO_BUCKETS } from '../processing/batch.js';
import { type Dataset, type Task } from './task.js';
import { evenSample, readBatch } from './read-batch.js';
import { MASKS } from './padding.js';

/** Buckets, and the padding expected with them. */
export interface FittedBuckets {
  buckets: Buckets;
  /** Expected share of padding among tokens and regions, from 0 to 1; null when the lengths are unknown. */
  padding: number | null;
}

export interface FitOptions {
  /** Batches as indices of examples, of one epoch at least. */
  batches: readonly (readonly number[])[];
  /** Size that a short batch is padded to; absent: it is not padded. */
  batchSize?: number;
  /** Number of batches in the whole run: recording a shape pays only for many of them. */
  batchCount: number;
  /** Maximum number of shapes. */
  maxShapes: number;
  seed: number;
}

/** Text tokens and regions of an example, or of a batch. */
interface Lengths {
  text: number;
  regions: number;
}

/** Number of batches that lengths are sampled from. */
const FITTED_BATCHES = 1000;
/** Number of examples that are read to correct `sizeOf`, which may be an estimate. */
const SAMPLED = 64;
/** Cost of recording a shape, in batches of that shape. */
const RECORDING_BATCHES = 4;

/**
 * Buckets for the batches of a data set. Every pair of a text bucket and a region bucket is a shape, at most `maxShapes` in all;
 * lengths above the longest expected one use `DEFAULT_BUCKETS`, as do data sets without `sizeOf`.
 */
export async function fitBuckets<E>(task: Task<E>, dataset: Dataset<E>, options: FitOptions): Promise<FittedBuckets> {
  const { sizeOf } = dataset;
  if (sizeOf === undefined || dataset.length === 0) return { buckets: DEFAULT_BUCKETS, padding: null };
  const lengthsOf = await calibrated(task, dataset, sizeOf.bind(dataset), options.seed);
  const fitted = options.batches.slice(0, FITTED_BATCHES);
  const examples = fitted.map((batch) => batch.map(lengthsOf));
  const longest = examples.map(longestOf);
  const edges = chooseEdges(longest, options);
  const buckets = {
    text: withTail(edges.text, DEFAULT_BUCKETS.text),
    regions: withTail(edges.regions, DEFAULT_BUCKETS.regions),
  };
  const all = longest.reduce(
    (sum, { text, regions }, i) =>
      sum +
      (options.batchSize ?? fitted[i]?.length ?? 0) *
        (bucketOf(text, buckets.text) + bucketOf(regions, buckets.regions)),
    0,
  );
  const used = examples.flat().reduce((sum, { text, regions }) => sum + text + regions, 0);
  return { buckets, padding: all === 0 ? null : 1 - used / all };
}

/**
 * The lengths of examples in the model's inputs: the estimates of `sizeOf`, corrected by a sample, which also replaces unknown
 * lengths.
 */
async function calibrated<E>(
  task: Task<E>,
  dataset: Dataset<E>,
  sizeOf: (index: number) => Lengths,
  seed: number,
): Promise<(index: number) => Lengths> {
  const indices = evenSample(dataset.length, SAMPLED);
  const { batch } = await readBatch(task, dataset, indices, { seed, epoch: 0, training: false, buckets: NO_BUCKETS });
  const [textMask, regionMask] = MASKS.map((name) => batch.inputs[name]);
  const lengths = (mask: typeof textMask): number[] => (mask === undefined ? [] : usedLengths(mask.data, mask.shape));
  const scale = (actual: number[], estimateOf: (index: number) => number): ((index: number) => number) => {
    const estimated = indices.reduce((sum, index) => sum + estimateOf(index), 0);
    const found = actual.reduce((sum, length) => sum + length, 0);
    if (actual.length === 0) return estimateOf;
    if (estimated === 0) return (index) => actual[index % actual.length] ?? 0;
    return (index) => Math.ceil((estimateOf(index) * found) / estimated - 1e-9);
  };
  const text = scale(lengths(textMask), (index) => sizeOf(index).text);
  const regions = scale(lengths(regionMask), (index) => sizeOf(index).regions);
  return (index) => ({ text: text(index), regions: regions(index) });
}

/** For each example of a mask `[b, ..., n]`, the longest of its rows. */
function usedLengths(mask: ArrayLike<number>, shape: readonly number[]): number[] {
  const [b = 0] = shape;
  const n = shape.at(-1) ?? 0;
  const rows = n === 0 ? 0 : mask.length / n / b;
  return Array.from({ length: b }, (_, example) => {
    let longest = 0;
    for (let row = example * rows; row < (example + 1) * rows; row++) {
      let used = 0;
      for (let i = row * n; i < (row + 1) * n; i++) used += Number(mask[i] !== 0);
      longest = Math.max(longest, used);
    }
    return longest;
  });
}

function longestOf(examples: readonly Lengths[]): Lengths {
  return {
    text: Math.max(0, ...examples.map(({ text }) => text)),
    regions: Math.max(0, ...examples.map(({ regions }) => regions)),
  };
}

/** The buckets of both axes with the least cost of padding and recording, within the allowed number of shapes. */
function chooseEdges(
  longest: readonly Lengths[],
  { batchCount, maxShapes }: FitOptions,
): { text: number[]; regions: number[] } {
  const texts = cheapestEdges(
    longest.map(({ text }) => text),
    maxShapes,
  );
  const regions = cheapestEdges(
    longest.map(({ regions: count }) => count),
    maxShapes,
  );
  const mean = longest.reduce((sum, { text, regions: count }) => sum + text + count, 0) / Math.max(1, longest.length);
  const weight = batchCount / Math.max(1, longest.length);
  let best = { cost: Infinity, text: [] as number[], regions: [] as number[] };
  for (const text of texts) {
    for (const region of regions) {
      const shapes = text.edges.length * region.edges.length;
      if (shapes > maxShapes) continue;
      const cost = weight * (text.cost + region.cost) + shapes * RECORDING_BATCHES * mean;
      if (cost < best.cost) best = { cost, text: text.edges, regions: region.edges };
    }
  }
  return { text: best.text, regions: best.regions };
}

/** For 1, 2, ... buckets up to `most`: those with the smallest sum over the lengths, each rounded up to its bucket. */
function cheapestEdges(lengths: readonly number[], most: number): { edges: number[]; cost: number }[] {
  const sizes = [...new Set(lengths)].sort((a, b) => a - b);
  const counts = sizes.map((size) => lengths.filter((length) => length === size).length);
  // before[j]: lengths below sizes[j]. best[k][j]: the cheapest k buckets for those; the last of them is sizes[j - 1].
  const before = [0];
  for (const count of counts) before.push((before.at(-1) ?? 0) + count);
  let best: { cost: number; edges: number[] }[] = before.map((count) => ({
    cost: count === 0 ? 0 : Infinity,
    edges: [],
  }));
  const found: { edges: number[]; cost: number }[] = [];
  for (let k = 1; k <= Math.min(most, sizes.length); k++) {
    best = before.map((end, j) => {
      let cheapest = { cost: Infinity, edges: [] as number[] };
      for (let i = 0; i < j; i++) {
        const edge = sizes[j - 1] ?? 0;
        const cost = (best[i]?.cost ?? Infinity) + (end - (before[i] ?? 0)) * edge;
        if (cost < cheapest.cost) cheapest = { cost, edges: [...(best[i]?.edges ?? []), edge] };
      }
      return cheapest;
    });
    const whole = best.at(-1);
    if (whole !== undefined && Number.isFinite(whole.cost)) found.push(whole);
  }
  return found.length > 0 ? found : [{ edges: [], cost: 0 }];
}

/** Fitted buckets, and the default ones above them for longer batches than expected. */
function withTail(edges: readonly number[], usual: readonly number[]): number[] {
  const top = edges.at(-1) ?? 0;
  return [...edges, ...usual.filter((size) => size > top)];
}
