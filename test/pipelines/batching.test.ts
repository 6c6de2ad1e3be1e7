// How many inputs are run: read in portions, each sorted by length, with results in the order of the inputs.
import { describe, expect, test } from '@jest/globals';
import { batchedResults, lengthBatches } from '../../src/pipelines/batching.js';
import type { PipelineExample } from '../../src/pipelines/example.js';

/** An example of a number of regions, and its number. */
interface Input {
  index: number;
  regions: number;
}

function exampleOf({ index, regions: count }: Input): PipelineExample {
  const regions = { features: new Float32Array(count), count, dim: 1 };
  return { sequences: [{ text: { ids: [1, 2, 3], typeIds: [0, 0, 0] }, regions: [regions] }], labels: [String(index)] };
}

/** Runs inputs in batches of two: their results, the batches, and the order of events. */
function running(inputs: AsyncIterable<Input> | Iterable<Input>): {
  results: AsyncGenerator<string>;
  batches: string[][];
} {
  const batches: string[][] = [];
  const results = batchedResults(inputs, 2, {
    encode: async (input: Input) => exampleOf(input),
    collate: (examples) => examples.map(({ labels: [name = ''] }) => name),
    run: async (batch: string[]) => {
      batches.push(batch);
      return batch;
    },
  });
  return { results, batches };
}

describe('batches', () => {
  const size = (regions: number, text = 5, choices = 1): { choices: number; regions: number; text: number } => ({
    choices,
    regions,
    text,
  });

  test('hold examples of similar size, those with the same number of choices', () => {
    // 36 and 30 regions are padded alike, 100 are not.
    expect(lengthBatches([size(100), size(36), size(100), size(36)], 2)).toEqual([
      [1, 3],
      [0, 2],
    ]);
    expect(lengthBatches([size(36, 60), size(36, 5), size(36, 60)], 2)).toEqual([[1, 0], [2]]);
    expect(lengthBatches([size(4, 5, 4), size(4, 5, 2), size(4, 5, 4)], 8)).toEqual([[1], [0, 2]]);
    expect(lengthBatches([], 8)).toEqual([]);
  });
});

describe('a stream of inputs', () => {
  const lengths = [100, 4, 100, 4, 100, 4, 100, 4, 100, 4];

  test('is read four batches at a time, each portion sorted by length, with results in order', async () => {
    let read = 0;
    async function* inputs(): AsyncGenerator<Input> {
      for (const [index, regions] of lengths.entries()) {
        read++;
        yield { index, regions };
      }
    }
    const { results, batches } = running(inputs());
    const found = [];
    for await (const result of results) found.push(result);
    expect(found).toEqual(lengths.map((_, index) => String(index)));
    expect(batches).toEqual([
      ['1', '3'],
      ['5', '7'],
      ['0', '2'],
      ['4', '6'],
      ['9', '8'],
    ]);
    expect(read).toBe(lengths.length);
  });

  test('is closed when its reader stops early', async () => {
    let isClosed = false;
    async function* endless(): AsyncGenerator<Input> {
      try {
        for (let index = 0; ; index++) yield { index, regions: 4 };
      } finally {
        isClosed = true;
      }
    }
    for await (const result of running(endless()).results) if (result === '3') break;
    expect(isClosed).toBe(true);
  });

  test('fails where its source fails, after the results of what came before', async () => {
    async function* failing(): AsyncGenerator<Input> {
      for (let index = 0; index < 8; index++) yield { index, regions: 4 };
      throw new Error('the file ends here');
    }
    const found: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const result of running(failing()).results) found.push(result);
    };
    await expect(reading()).rejects.toThrow('the file ends here');
    expect(found).toHaveLength(8);
  });
});
