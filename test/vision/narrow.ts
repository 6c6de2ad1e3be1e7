// The named detectors with few channels, as in the fixtures.
import { checkedDetectorConfig } from '../../src/vision/detector/check-config.js';
import type { DetectorConfig } from '../../src/vision/detector/config.js';
import { namedDetector } from '../../src/vision/detector/presets.js';
import { readFixture } from '../helpers/parity/fixtures.js';

/** The fixtures' weights, in the format of each detector's authors. */
export const DETECTOR_FILES = {
  'vg-r101-c4': 'vg-r101-c4.bin',
  'mmf-x101': 'mmf-x101.pth',
  'detectron1-r101-fpn': 'detectron1-r101-fpn.pkl',
  'coco-r101-fpn': 'coco-r101-fpn.pkl',
} as const;

type Json = Record<string, unknown>;

/** The named settings with the fixture's changes. */
export function narrowDetector(name: string): DetectorConfig {
  const { changes } = readFixture(name, 'vision').meta as unknown as { changes: Json };
  return checkedDetectorConfig(merged(namedDetector(name) as unknown as Json, changes));
}

function merged(base: Json, changes: Json): Json {
  const entries = Object.entries(changes).map(([key, value]): [string, unknown] => [
    key,
    typeof value === 'object' && value !== null ? merged(base[key] as Json, value as Json) : value,
  ]);
  return { ...base, ...Object.fromEntries(entries) };
}
