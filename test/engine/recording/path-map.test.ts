// Sequences as keys.
import { expect, test } from '@jest/globals';
import { PathMap } from '../../../src/engine/recording/path-map.js';

test('has one value for equal sequences, and tells others apart by order, length and kind of their elements', () => {
  const map = new PathMap<string | number, { path: readonly (string | number)[] }>();
  const paths = [[], [1], ['1'], [1, 2], [2, 1], ['1,2'], [1, 2, 3], [1, 23], [12, 3]];
  const made = paths.map((path) => map.get(path, () => ({ path })));
  expect(made.map(({ path }) => path)).toEqual(paths);
  for (const [i, path] of paths.entries()) {
    expect(
      map.get([...path], () => {
        throw new Error('made twice');
      }),
    ).toBe(made[i]);
  }
});

test('keeps nothing for a sequence whose value cannot be made', () => {
  const map = new PathMap<number, object>();
  expect(() =>
    map.get([1, 2], () => {
      throw new Error('refused');
    }),
  ).toThrow('refused');
  const value = {};
  expect(map.get([1, 2], () => value)).toBe(value);
});
