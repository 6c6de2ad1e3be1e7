import { describe, expect, test } from '@jest/globals';
import { firstOf } from '../src/words.js';

describe('firstOf', () => {
  test.each([
    [[], ''],
    [['cat'], 'cat'],
    [['cat', 'dog', 'bird'], 'cat, dog, bird'],
    [['cat', 'dog', 'bird', 'cow'], 'cat, dog, bird and 1 more'],
  ])('%j', (texts, expected) => expect(firstOf(texts)).toBe(expected));

  test('takes another number and separator', () => {
    expect(firstOf(['a: 1', 'b: 2', 'c: 3', 'd: 4'], 2, '; ')).toBe('a: 1; b: 2 and 2 more');
  });
});
