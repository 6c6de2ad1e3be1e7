// Lists in chunks, and items prepared ahead of their reader.
import { describe, expect, test } from '@jest/globals';
import { chunk, prefetch } from '../src/lists.js';

test('chunks are consecutive, and the last may be shorter', () => {
  expect(chunk([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunk([], 2)).toEqual([]);
});

describe('prefetch', () => {
  test('works ahead by the given number, gives results in order, and errors in their turn', async () => {
    const started: number[] = [];
    const make = async (item: number): Promise<number> => {
      started.push(item);
      if (item === 3) throw new Error('third');
      return item * 10;
    };
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const result of prefetch([0, 1, 2, 3, 4, 5], 2, make)) {
          if (seen.length === 0) expect(started).toEqual([0, 1, 2]);
          seen.push(result);
        }
      })(),
    ).rejects.toThrow('third');
    expect(seen).toEqual([0, 10, 20]);
  });

  test('begins another item while the reader works, and none after the reader has left', async () => {
    const started: number[] = [];
    const make = async (item: number): Promise<number> => started.push(item);
    const turn = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 5));
    for await (const result of prefetch([0, 1, 2, 3, 4], 1, make)) {
      expect(result).toBe(1);
      expect(started).toEqual([0, 1]);
      await turn();
      expect(started).toEqual([0, 1, 2]);
      break;
    }
    await turn();
    expect(started).toEqual([0, 1, 2]);
  });
});
