// The names of a detector's classes and attributes, where its settings or its name tell them.
import type { StoredDetector } from '../features/detector-identity.js';
import { COCO_CLASSES } from './coco-classes.js';

/** Known detectors that were trained on COCO; their published settings have no names. */
const OF_COCO = /^(?:coco|detectron1)-/;

/** The names of a detector's classes by index; empty where they are unknown. */
export function classNamesOf(detector: StoredDetector | undefined): readonly string[] {
  const names = textsOf(detector?.settings?.['classNames']);
  return names.length === 0 && OF_COCO.test(detector?.name ?? '') ? COCO_CLASSES : names;
}

/** The names of its attributes. */
export function attributeNamesOf(detector: StoredDetector | undefined): readonly string[] {
  return textsOf(detector?.settings?.['attributeNames']);
}

/** A list of texts; empty for anything else, since settings in a store are not checked. */
function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
