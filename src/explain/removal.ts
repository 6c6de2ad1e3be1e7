// Evaluates explanations: a model's accuracy when words or regions are removed in their order.
import type { PipelineName } from '../pipelines/contract.js';
import type { PipelineAccess } from '../pipelines/create.js';
import { lengthBatches } from '../pipelines/batching.js';
import { type PipelineExample, sizeOfExample } from '../pipelines/example.js';
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
  /** At each of `REMOVED_SHARES`, in the metric's unit. */
  accuracies: number[];
  /** Mean of the curve over the shares, by trapezoids. */
  area: number;
}

/** Shares of the parts that are removed. */
export const REMOVED_SHARES = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

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
 * Removal curves over examples, collected batch by batch. The explained answer is the model's own; regions are masked in every choice, words
 * are removed from the text (not from choices, which have different ones).
 * @see https://arxiv.org/abs/2103.15679 section 5, "perturbation test"
 */
export class RemovalTest<E> {
  private readonly metrics = new Map<string, Metric<E>>();
  private count = 0;

  constructor(
    private readonly access: PipelineAccess<PipelineName>,
    private readonly scores: HeadScores,
    private readonly metric: RemovalMetric<E>,
    private readonly seed: number,
  ) {}

  /** Adds examples that fit into one batch. */
  async add(examples: readonly SeenExample<E>[]): Promise<void> {
    const numbers = examples.map((_, i) => this.count + i);
    this.count += examples.length;
    const { access, scores, seed } = this;
    const seen = examples.map((one) => one.seen);
    const ranked = await rankParts(access, scores, seen, { numbers, seed });
    await this.judge(examples.flatMap((one, i) => removalsOf(one, ranked[i] as RankedParts)));
  }

  /** The curves so far. */
  curves(): RemovalCurve[] {
    const parts = REMOVED_PARTS.filter((one) => this.metrics.has(keyOf(one, 'random', 'most', 0)));
    return parts.flatMap((removed) =>
      RANKINGS.flatMap((ranking) =>
        (['most', 'least'] as const).map((first) => {
          const accuracies = REMOVED_SHARES.map(
            (share) => this.metrics.get(keyOf(removed, ranking, first, share))?.compute()[this.metric.name] ?? NaN,
          );
          return { parts: removed, ranking, first, accuracies, area: areaUnder(accuracies) };
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
function removalsOf<E>({ example, seen }: SeenExample<E>, ranked: RankedParts): Removed<E>[] {
  const distinct = new Map<string, Removed<E>>();
  for (const parts of REMOVED_PARTS) {
    if (parts === 'words' && seen.sequences.length > 1) continue;
    for (const ranking of RANKINGS) {
      const values = ranked.scores[ranking][parts];
      const removable = [...values.keys()].filter(
        (part) => parts === 'regions' || !ranked.words[part]?.positions.includes(ranked.position),
      );
      const falling = removable.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
      for (const first of ['most', 'least'] as const) {
        const order = first === 'most' ? falling : [...falling].reverse();
        for (const share of REMOVED_SHARES) {
          const removed = order.slice(0, Math.round(share * order.length)).sort((a, b) => a - b);
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

function exampleWithout(
  seen: PipelineExample,
  parts: RemovedParts,
  removed: readonly number[],
  { words }: RankedParts,
): PipelineExample {
  if (parts === 'regions') return { ...seen, sequences: seen.sequences.map((one) => ({ ...one, hidden: removed })) };
  const positions = new Set(removed.flatMap((word) => words[word]?.positions ?? []));
  return { ...seen, sequences: seen.sequences.map((one) => withoutPositions(one, positions)) };
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

function areaUnder(values: readonly number[]): number {
  return REMOVED_SHARES.slice(1).reduce((sum, share, i) => {
    const width = share - (REMOVED_SHARES[i] as number);
    return sum + (width * ((values[i] as number) + (values[i + 1] as number))) / 2;
  }, 0);
}
