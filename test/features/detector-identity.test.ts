// Comparing the detectors of features.
import { expect, test } from '@jest/globals';
import { DETECTOR_NETWORKS } from '../../src/features/detector-networks.js';
import {
  type StoredDetector,
  type DetectorIdentity,
  detectorText,
  isSameDetector,
  parseDetectorIdentity,
} from '../../src/features/detector-identity.js';
import { DETECTOR_NAMES, namedDetector } from '../../src/vision/detector/presets.js';

const NAMED: DetectorIdentity = { name: 'mmf-x101' };
const [WEIGHTS, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const GIVEN: DetectorIdentity = { name: null, pixels: { cells: 6, look: 'form' } };

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
  [GIVEN, { name: null, pixels: { cells: 6, look: 'form' } }, true],
  [GIVEN, { name: null, pixels: { cells: 8, look: 'form' } }, false],
  [GIVEN, { name: null, weights: WEIGHTS }, false],
  [GIVEN, { ...GIVEN, weights: WEIGHTS }, null],
  [{ ...GIVEN, weights: WEIGHTS }, { ...GIVEN, weights: WEIGHTS }, true],
  [{ ...GIVEN, weights: WEIGHTS }, { ...GIVEN, weights: OTHER }, false],
])('%j and %j: %s', (a, b, same) => {
  expect(isSameDetector(a, b)).toBe(same);
  expect(isSameDetector(b, a)).toBe(same);
});

const unnamed = (changes: object): StoredDetector => {
  const settings = namedDetector('mmf-x101');
  return { name: null, settings: { ...settings, ...changes, choice: { ...settings.choice, maxBoxes: 10 } } };
};

test.each<[string, StoredDetector, boolean | null]>([
  ['the same settings, but for the number of regions', unnamed({}), null],
  ['other layers', unnamed({ backbone: { ...namedDetector('mmf-x101').backbone, depth: 14 } }), false],
  ['another width', unnamed({ backbone: { ...namedDetector('mmf-x101').backbone, stageWidth: 96 } }), false],
  ['another feature', unnamed({ feature: 'fc7' }), false],
  ['unknown settings', { name: null, settings: {} }, null],
])('an unnamed detector of %s compared with mmf-x101: %s', (_, detector, same) => {
  expect(isSameDetector(NAMED, detector)).toBe(same);
  expect(isSameDetector(detector, NAMED)).toBe(same);
  expect(isSameDetector({ name: 'my-own' }, detector)).toBeNull();
});

test('the networks of the named detectors are those of their settings', () => {
  expect(Object.keys(DETECTOR_NETWORKS)).toEqual(DETECTOR_NAMES);
  for (const name of DETECTOR_NAMES) expect(namedDetector(name)).toMatchObject(DETECTOR_NETWORKS[name] as object);
});

test('a text names what found the boxes and what describes them', () => {
  expect(detectorText(NAMED)).toBe('mmf-x101');
  expect(detectorText({ name: null, weights: WEIGHTS })).toBe('a detector with the weights aaaaaaaa');
  expect(detectorText(GIVEN)).toBe('given boxes, with pixel features (form, 6 x 6 cells)');
  expect(detectorText({ ...NAMED, pixels: { cells: 1, look: 'colors' } })).toBe(
    'mmf-x101, with pixel features (colors, 1 x 1 cells)',
  );
});

test('the content of a file is read if it is an identity', () => {
  expect(parseDetectorIdentity({ name: null, weights: WEIGHTS, more: 1 })).toEqual({ name: null, weights: WEIGHTS });
  expect(parseDetectorIdentity({ ...GIVEN, settings: {} })).toEqual(GIVEN);
  for (const pixels of [{ cells: 0, look: 'form' }, { cells: 6, look: 'sound' }, 6])
    expect(parseDetectorIdentity({ name: null, pixels })).toEqual({ name: null });
  for (const wrong of [null, undefined, 'mmf-x101', { name: 3 }, {}]) expect(parseDetectorIdentity(wrong)).toBeNull();
});
