// What `visualbert inspect` says about region detectors.
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { detectorSummary } from '../../scripts/results/inspection.js';
import { inspectDetector, type DetectorInspection } from '../../src/node.js';
import { DETECTOR_FILES } from '../vision/narrow.js';
import { writeDetector } from '../helpers/models/small-detector.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const linesOf = async (where: string): Promise<string[]> =>
  detectorSummary((await inspectDetector(where)) as DetectorInspection).slice(1);

test('a converted detector: its name, network, pictures, regions and classes', async () => {
  expect(await linesOf(await writeDetector(temporaryFolder(), 'mmf-x101'))).toEqual([
    'detector:  mmf-x101',
    expect.stringMatching(
      /^network: {3}ResNeXt-\d+ \d+x\d+d with a feature pyramid of \d+ channels, RoIAlign to 7 x 7, two layers of 20$/,
    ),
    expect.stringMatching(/^pictures: {2}shorter side \d+, longer at most \d+ pixels, resized as opencv does$/),
    expect.stringMatching(/^regions: {3}12, with fc6 as features of width 20$/),
    expect.stringMatching(/^classes: {3}\d+$/),
    'attributes: 0',
    'format: pt',
  ]);
  expect((await linesOf(await writeDetector(temporaryFolder(), 'vg-r101-c4', null))).slice(0, 2)).toEqual([
    'detector:  your own settings',
    expect.stringMatching(
      /^network: {3}ResNet-\d+ with regions from its fourth stage \(C4\), RoIPool to 14 x 14, its fifth stage$/,
    ),
  ]);
});

test('names of classes: the first of them, and how many there are', async () => {
  const inspection = (await inspectDetector(
    await writeDetector(temporaryFolder(), 'coco-r101-fpn'),
  )) as DetectorInspection;
  const names = Array.from({ length: 22 }, (_, i) => `c${i}`);
  expect(detectorSummary({ ...inspection, classNames: names }).find((line) => line.startsWith('classes:'))).toMatch(
    /: c0, c1, .*, c19 and 2 more$/,
  );
});

test('a file that is not converted: its layout, and the command that converts it where it is a known one', async () => {
  const path = join('test', 'fixtures', 'vision', DETECTOR_FILES['coco-r101-fpn']);
  expect(await linesOf(path)).toEqual([
    'detector:  names of detectron2, not converted yet',
    expect.stringMatching(/^note: {6}its settings are unknown: /),
  ]);
  const inspection = (await inspectDetector(path)) as DetectorInspection;
  expect(detectorSummary({ ...inspection, candidates: ['coco-r101-fpn', 'coco-r101-fpn-notebook'] })).toContain(
    `convert:   visualbert convert ${path} FOLDER --detector NAME, as coco-r101-fpn or coco-r101-fpn-notebook`,
  );
});
