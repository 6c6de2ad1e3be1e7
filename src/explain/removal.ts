// Evaluates explanations: a model's accuracy when words or regions are removed in their order.
import type { PipelineName } from '../pipelines/contract.js';
import type { PipelineAccess } from '../pipelines/create.js';
import { lengthBatches } from '../pipelines/batching.js';
import { type PipelineExample, type Sequence, sizeOfExample } from '../pipelines/example.js';
import type { HeadScores } from '../pipelines/head.js';
import type { RawTensor } from '../raw-tensor.js';
import type { Metric } from '../evaluation/task.js';
import { type RankedParts, RANKINGS, type RankingName, rankParts } from './rank-parts.js';
import { withoutPositions } from './words.js';

export const REMOVED_PARTS = ['regions', 'words'] as const;
export type RemovedParts = (typeof REMOVED_PARTS)[number];

/** Accuracy while parts are removed, from none to all of them. */
export interface RemovalCurve {
  parts: RemovedParts;
  ranking: RankingName;
  /** Which are removed first: with `most` a good explanation makes the accuracy fall early, with `least` late. */
  first: 'most' | 'least';
  /** Shares of the parts that are removed. */
  shares: readonly number[];
  /** At each share, in the metric's unit. */
  accuracies: number[];
  /** Mean of the curve over the shares, by trapezoids. */
  area: number;
}

/**
 * Shares of the parts that are removed.
 * @see hila-chefer/Transformer-MM-Explainability, `VisualBERT/mmf/trainers/core/evaluation_loop.py`, "steps"
 */
const REMOVED_SHARES: Record<RemovedParts, readonly number[]> = {
  regions: [0, 0.5, 0.75, 0.95, 0.96, 0.97, 0.98, 0.99, 1],
  words: [0, 0.25, 0.5, 0.75, 0.8, 0.85, 0.9, 0.95, 1],
};

/** An example of a task and what the model sees of it. */
export interface SeenExample<E> {
  example: E;
  seen: PipelineExample;
}

/** The metric of a task and its name. */
export interface RemovalMetric<E> {
  name: string;
  create(): Metric<E>;
}

/**
 * Removal curves over examples, collected batch by batch. The explained answer is the model's own. Regions are masked, which is the same as
 * running the model without them; words are removed from the text. What is chosen between stays: of choices, words of the question are removed
 * and regions masked in every choice.
 * Differs: whole words are removed, not word pieces.
 * @see https://arxiv.org/abs/2103.15679 section 5, "perturbation test"
 */
export class RemovalTest<E> {
  private readonly metrics = new Map<string, Metric<E>>();
  private count = 0;

  constructor(
    private readonly access: PipelineAccess<PipelineName>,
    private readonly scores: HeadScores,
    private readonly metric: RemovalMetric<E>,
    private readonly options: { parts: readonly RemovedParts[]; seed: number },
  ) {}

  /** Adds examples that fit into one batch. */
  async add(examples: readonly SeenExample<E>[]): Promise<void> {
    const numbers = examples.map((_, i) => this.count + i);
    this.count += examples.length;
    const { access, scores, options } = this;
    const seen = examples.map((one) => one.seen);
    const ranked = await rankParts(access, scores, seen, { numbers, seed: options.seed });
    await this.judge(examples.flatMap((one, i) => removalsOf(one, ranked[i] as RankedParts, options.parts)));
  }

  /** The curves so far. */
  curves(): RemovalCurve[] {
    return this.options.parts.flatMap((parts) =>
      RANKINGS.flatMap((ranking) =>
        (['most', 'least'] as const).map((first) => {
          const shares = REMOVED_SHARES[parts];
          const accuracies = shares.map(
            (share) => this.metrics.get(keyOf(parts, ranking, first, share))?.compute()[this.metric.name] ?? NaN,
          );
          return { parts, ranking, first, shares, accuracies, area: areaUnder(shares, accuracies) };
        }),
      ),
    );
  }

  /** Runs each distinct example once, and counts it for each of its curves. */
  private async judge(removals: readonly Removed<E>[]): Promise<void> {
    for (const indices of lengthBatches(
      removals.map(({ seen }) => sizeOfExample(seen)),
      JUDGED_TOGETHER,
    )) {
      const chosen = indices.map((index) => removals[index] as Removed<E>);
      const computed = await this.access.run(this.access.collate(chosen.map(({ seen }) => seen)));
      computed.forEach(({ outputs, row }, i) => {
        const { example, keys } = chosen[i] as Removed<E>;
        const one = { [this.scores.output]: rowOf(outputs[this.scores.output] as RawTensor, row) };
        for (const key of keys) this.metricOf(key).update([example], one);
      });
    }
  }

  private metricOf(key: string): Metric<E> {
    const metric = this.metrics.get(key) ?? this.metric.create();
    this.metrics.set(key, metric);
    return metric;
  }
}

const JUDGED_TOGETHER = 128;

/** An example without some of its parts, and the points of the curves that use it. */
interface Removed<E> {
  example: E;
  seen: PipelineExample;
  keys: string[];
}

function keyOf(parts: RemovedParts, ranking: RankingName, first: string, share: number): string {
  return `${parts} ${ranking} ${first} ${share}`;
}

/** Every distinct removal of an example: with few parts many shares coincide. */
function removalsOf<E>(
  { example, seen }: SeenExample<E>,
  ranked: RankedParts,
  removable: readonly RemovedParts[],
): Removed<E>[] {
  const distinct = new Map<string, Removed<E>>();
  for (const parts of removable) {
    for (const ranking of RANKINGS) {
      const values = ranked.scores[ranking][parts];
      const indices = [...values.keys()].filter((part) => parts === 'regions' || isRemovable(ranked, part, seen));
      const falling = indices.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
      for (const first of ['most', 'least'] as const) {
        const order = first === 'most' ? falling : [...falling].reverse();
        for (const share of REMOVED_SHARES[parts]) {
          const kept = Math.floor((1 - share) * order.length);
          const removed = order.slice(0, order.length - kept).sort((a, b) => a - b);
          const key = keyOf(parts, ranking, first, share);
          const name = `${parts} ${removed.join()}`;
          const known = distinct.get(name);
          if (known !== undefined) known.keys.push(key);
          else distinct.set(name, { example, seen: exampleWithout(seen, parts, removed, ranked), keys: [key] });
        }
      }
    }
  }
  return [...distinct.values()];
}

/** Whether a word may be removed: not the one that the head reads, and of choices only words of the question. */
function isRemovable(
  { words, position, sequence }: RankedParts,
  index: number,
  { sequences }: PipelineExample,
): boolean {
  const { positions = [] } = words[index] ?? {};
  const end = sequences.length === 1 ? Infinity : firstTextLength(sequence);
  return positions.every((one) => one !== position && one < end);
}

function exampleWithout(
  seen: PipelineExample,
  parts: RemovedParts,
  removed: readonly number[],
  { words, sequence }: RankedParts,
): PipelineExample {
  if (parts === 'regions') return { ...seen, sequences: seen.sequences.map((one) => ({ ...one, hidden: removed })) };
  const positions = removed.flatMap((word) => words[word]?.positions ?? []);
  // Choices share the end of the question: long texts are cut at its front.
  const end = firstTextLength(sequence);
  const sequences = seen.sequences.map((one) => {
    const shift = firstTextLength(one) - end;
    return withoutPositions(
      one,
      new Set(positions.map((position) => position + shift).filter((position) => position > 0)),
    );
  });
  return { ...seen, sequences };
}

/** Positions of the first text of a sequence, its [CLS] and [SEP] included. */
function firstTextLength({ text: { typeIds } }: Sequence): number {
  return typeIds.filter((type) => type === 0).length;
}

/** `[1, ...]` of `[b, ...]`. */
function rowOf({ dtype, shape, data }: RawTensor, row: number): RawTensor {
  const size = data.length / (shape[0] ?? 1);
  return {
    dtype,
    shape: [1, ...shape.slice(1)],
    data: data.subarray(row * size, (row + 1) * size) as RawTensor['data'],
  };
}

function areaUnder(shares: readonly number[], values: readonly number[]): number {
  return shares.slice(1).reduce((sum, share, i) => {
    const width = share - (shares[i] as number);
    return sum + (width * ((values[i] as number) + (values[i + 1] as number))) / 2;
  }, 0);
}
