// Mean average precision: by hand, and against COCO's tool.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Box } from '../../src/boxes.js';
import { type Detections, meanAveragePrecision, type GroundTruth } from '../../src/metrics/detection.js';

const A: Box = [0, 0, 10, 10];
const B: Box = [20, 20, 30, 30];

test('a wrong detection between two right ones halves nothing but what comes after it', () => {
  const found = { boxes: [A, [50, 50, 60, 60], B] as Box[], classes: [0, 0, 0], scores: [0.9, 0.8, 0.7] };
  // Precision 1 up to recall 1/2 (51 of 101 points), 2/3 beyond.
  const expected = (100 * (51 + (50 * 2) / 3)) / 101;
  expect(meanAveragePrecision([found], [{ boxes: [A, B], classes: [0, 0] }])).toBeCloseTo(expected, 10);
});

test('an object is found once, by the best detection, and a class that is not found counts as 0', () => {
  const found = { boxes: [A, A], classes: [0, 0], scores: [0.5, 0.9] };
  expect(meanAveragePrecision([found], [{ boxes: [A], classes: [0] }])).toBe(100);
  expect(meanAveragePrecision([found], [{ boxes: [A, B], classes: [0, 1] }])).toBe(50);
});

test('is that of COCO’s tool, with equal scores, doubles, and pictures without objects or detections', () => {
  const path = join('test', 'fixtures', 'vision', 'average-precision.json');
  const { pictures, expected } = JSON.parse(readFileSync(path, 'utf8')) as {
    pictures: { objects: GroundTruth; detections: Detections }[];
    expected: Record<string, number>;
  };
  for (const [overlap, value] of Object.entries(expected)) {
    const [detections, objects] = [pictures.map((one) => one.detections), pictures.map((one) => one.objects)];
    expect(meanAveragePrecision(detections, objects, Number(overlap))).toBeCloseTo(value, 10);
  }
});

test('refuses detections of other pictures', () => {
  expect(() => meanAveragePrecision([], [{ boxes: [], classes: [] }])).toThrow('expected detections of 1 pictures, received 0'); // prettier-ignore
});
