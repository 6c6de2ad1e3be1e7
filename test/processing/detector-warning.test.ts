// The warning of regions that are not those of a checkpoint's training.
import { afterEach, expect, test } from '@jest/globals';
import type { DetectorIdentity } from '../../src/features/detector-identity.js';
import { setLogger } from '../../src/logger.js';
import { warnAboutDetector } from '../../src/processing/detector-warning.js';

const warnings: string[] = [];
setLogger({ info: () => undefined, warn: (text) => warnings.push(text) });
afterEach(() => void warnings.splice(0));

const ofPixels = (look: 'form' | 'colors', cells: number): DetectorIdentity => ({
  name: null,
  pixels: { look, cells },
});

test('of the same boxes described in another way names the options that differ', () => {
  warnAboutDetector(ofPixels('form', 6), ofPixels('colors', 8), 'a/');
  warnAboutDetector(ofPixels('form', 6), ofPixels('form', 8), 'b/');
  warnAboutDetector(ofPixels('form', 6), ofPixels('form', 6), 'c/');
  expect(warnings).toEqual([
    'a/: its regions are described with `look` colors and `cells` 8, and the checkpoint was trained with `look` form and `cells` 6; open the pictures with `look` form and `cells` 6, or pack their features again',
    'b/: its regions are described with `cells` 8, and the checkpoint was trained with `cells` 6; open the pictures with `cells` 6, or pack their features again',
  ]);
});

test('of another detector names both, in words that suit training too', () => {
  warnAboutDetector({ name: 'mmf-x101' }, { name: 'vg-r101-c4' }, 'd.vbf');
  expect(warnings).toEqual([
    'd.vbf: regions of vg-r101-c4, and the checkpoint was trained with those of mmf-x101. Features of another detector mean nothing to a model before ' +
      'it is trained on them: for the accuracy of the checkpoint, use the features of its detector',
  ]);
});
