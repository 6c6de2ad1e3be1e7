// Which detectors are the same, as far as features tell.
import { expect, test } from '@jest/globals';
import { type DetectorIdentity, isSameDetector, parseDetectorIdentity } from '../../src/features/detector-identity.js';

const NAMED: DetectorIdentity = { name: 'mmf-x101' };
const [WEIGHTS, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];

test.each<[DetectorIdentity | null, DetectorIdentity | null | undefined, boolean | null]>([
  [NAMED, NAMED, true],
  [NAMED, { name: 'vg-r101-c4' }, false],
  [NAMED, { name: 'mmf-x101', weights: WEIGHTS }, true],
  [{ name: 'mmf-x101', weights: OTHER }, { name: 'mmf-x101', weights: WEIGHTS }, false],
  [{ name: null, weights: WEIGHTS }, { name: 'mmf-x101', weights: WEIGHTS }, true],
  [{ name: null, weights: WEIGHTS }, { name: null, weights: OTHER }, false],
  [{ name: null, weights: WEIGHTS }, NAMED, null],
  [{ name: null }, { name: null }, null],
  [null, NAMED, null],
  [NAMED, undefined, null],
])('%j and %j: %s', (a, b, same) => {
  expect(isSameDetector(a, b)).toBe(same);
  expect(isSameDetector(b, a)).toBe(same);
});

test('what a file says is read when it is an identity', () => {
  expect(parseDetectorIdentity({ name: null, weights: WEIGHTS, more: 1 })).toEqual({ name: null, weights: WEIGHTS });
  for (const wrong of [null, undefined, 'mmf-x101', { name: 3 }, {}]) expect(parseDetectorIdentity(wrong)).toBeNull();
});
