// Runs many inputs through a model: reads them in portions, sorts each by length, runs batches, and returns results in input order.
import { bucketOf, DEFAULT_BUCKETS } from '../processing/batch.js';
import { type ExampleSize, type PipelineExample, sizeOfExample } from './example.js';

/** Batches per portion of the inputs. */
const BATCHES_IN_PORTION = 4;

/** The stages from inputs to results. */
export interface Stages<I, P, O> {
  encode(input: I): Promise<PipelineExample>;
  /** Work that does not need the model. */
  collate(examples: readonly PipelineExample[]): P;
  run(batch: P): Promise<O[]>;
}

interface PreparedBatch<P> {
  /** Indices of its examples in the portion. */
  indices: readonly number[];
  batch: P;
}

/** The results of a stream of inputs. While a portion runs, the next one is read and encoded. */
export async function* batchedResults<I, P, O>(
  inputs: AsyncIterable<I> | Iterable<I>,
  batchSize: number,
  { encode, collate, run }: Stages<I, P, O>,
): AsyncGenerator<O> {
  const portions = portionsOf(inputs, batchSize * BATCHES_IN_PORTION);
  const prepare = async (): Promise<PreparedBatch<P>[] | null> => {
    const { value, done } = await portions.next();
    if (done === true) return null;
    const examples = await Promise.all(value.map(encode));
    return lengthBatches(examples.map(sizeOfExample), batchSize).map((indices) => ({
      indices,
      batch: collate(indices.map((index) => examples[index] as PipelineExample)),
    }));
  };
  let next = prepare();
  try {
    for (let batches = await next; batches !== null; batches = await next) {
      next = prepare();
      next.catch(() => undefined); // reported when it is awaited
      const results: O[] = [];
      for (const { indices, batch } of batches)
        (await run(batch)).forEach((result, i) => (results[indices[i] as number] = result));
      yield* results;
    }
  } finally {
    await next.catch(() => undefined);
    await portions.return(undefined); // the reader may have stopped early
  }
}

/** Indices in batches of examples of similar size: the same number of choices, then regions, then text. */
export function lengthBatches(sizes: readonly ExampleSize[], batchSize: number): number[][] {
  const keys = sizes.map(({ choices, regions, text }) => [
    choices,
    bucketOf(regions, DEFAULT_BUCKETS.regions),
    bucketOf(text, DEFAULT_BUCKETS.text),
  ]);
  const order = [...sizes.keys()].sort((a, b) => {
    const differing = keys[a]?.findIndex((key, i) => key !== keys[b]?.[i]) ?? -1;
    return differing < 0 ? a - b : (keys[a]?.[differing] ?? 0) - (keys[b]?.[differing] ?? 0);
  });
  const batches: number[][] = [];
  for (const index of order) {
    const last = batches.at(-1);
    const isFull = last === undefined || last.length === batchSize;
    if (isFull || sizes[last[0] as number]?.choices !== sizes[index]?.choices) batches.push([index]);
    else last.push(index);
  }
  return batches;
}

async function* portionsOf<I>(inputs: AsyncIterable<I> | Iterable<I>, size: number): AsyncGenerator<I[], undefined> {
  let portion: I[] = [];
  for await (const input of inputs) {
    portion.push(input);
    if (portion.length < size) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}
