// Errors for missing task options and options of a wrong type.
import { describe, expect, test } from '@jest/globals';
import { optionRole, resolveTaskOptions, TASK_OPTIONS } from '../../../src/tasks/shared/options.js';

describe('resolveTaskOptions', () => {
  test('takes one path or several, and fills in the defaults', () => {
    const { data, features, maxTextLength } = resolveTaskOptions('nlvr2', { data: 'a.json', features: ['b', 'c'] });
    expect([data, features, maxTextLength]).toEqual([['a.json'], ['b', 'c'], 128]);
  });

  test.each([
    [
      { split: 'val.txt' },
      /task flickr: entities: expected a path, received none; features: expected a path or several/,
    ],
    [{ entities: 5, split: '', features: [] }, /entities: expected a path, received 5; split: /],
    [{ entities: 'a', split: 'b', features: ['c'], page: 1 }, /unknown page; known: entities, split/],
  ])('refuses %j', (options, message) => {
    expect(() => resolveTaskOptions('flickr', options)).toThrow(message);
  });
});

describe('the options of validation examples', () => {
  test.each(Object.entries(TASK_OPTIONS))('of %s are paired with those of training examples', (_, { shape }) => {
    const pairs = Object.keys(shape).flatMap((name) => {
      const trained = optionRole(name).validates;
      return trained === undefined ? [] : [[name, trained] as const];
    });
    expect(pairs.map(([name]) => name)).toEqual(Object.keys(shape).filter((name) => name.startsWith('validation')));
    expect(pairs.every(([, trained]) => trained in shape)).toBe(true);
  });
});
