// The names of classes and attributes that a store's detector has.
import { expect, test } from '@jest/globals';
import { attributeNamesOf, classNamesOf } from '../../src/vision/class-names.js';

test.each([
  [{ name: null, settings: { classNames: ['circle', 'star'], attributeNames: ['red'] } }, ['circle', 'star'], ['red']],
  [{ name: 'coco-r101-fpn', settings: { classNames: ['circle'] } }, ['circle'], []],
  [{ name: 'vg-r101-c4', settings: { classes: 1600 } }, [], []],
  [{ name: null, settings: { classNames: 'circle' } }, [], []],
  [{ name: null }, [], []],
  [undefined, [], []],
])('%j', (detector, classes, attributes) => {
  expect([classNamesOf(detector), attributeNamesOf(detector)]).toEqual([classes, attributes]);
});

test("those of COCO's detectors are COCO's", () => {
  for (const name of ['coco-r101-fpn', 'coco-r101-fpn-notebook', 'detectron1-r101-fpn'])
    expect([0, 16, 79].map((i) => classNamesOf({ name })[i])).toEqual(['person', 'dog', 'toothbrush']);
});
