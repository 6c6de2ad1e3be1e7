// NLVR's structured scenes (three boxes of shapes) as records and as region features, without pictures.
import { DataError } from '../errors.js';
import { type JsonRecord } from '../formats/json.js';
import { asObject, numberField, textField } from './fields.js';
import type { RegionFeatures } from '../features/region-features.js';
import { requireKinds } from '../options.js';

/** One shape: its left upper corner and size in the 100 x 100 pixels of its box. */
export interface NlvrItem {
  type: string;
  color: string;
  x: number;
  y: number;
  size: number;
}

/** Three boxes of items. */
export type NlvrScene = readonly (readonly NlvrItem[])[];

const BOXES = 3;
const BOX_SIZE = 100;
/** From one box to the next in NLVR's pictures: a box and the grey strip of 50 pixels. */
const BOX_STEP = 150;
const KINDS = ['box', 'square', 'triangle', 'circle'];
const COLORS = ['Yellow', 'Black', '#0099ff'];
const SIZES = [10, 20, 30];
const BOX_FEATURE_DIM = 6;

/** Width of a scene region: kind, color, size, box, and x1, y1, x2, y2, width, height in the box. */
export const NLVR_FEATURE_DIM = KINDS.length + COLORS.length + SIZES.length + BOXES + BOX_FEATURE_DIM;

/** Reads `structured_rep` of an NLVR record. @throws DataError when it is not three lists of known shapes. */
export function readScene(value: unknown, where: string): NlvrScene {
  if (!Array.isArray(value) || value.length !== BOXES)
    throw new DataError(`${where}: expected structured_rep as three boxes`);
  return value.map((box: unknown, b) => {
    if (!Array.isArray(box)) throw new DataError(`${where}: expected box ${b} of structured_rep as a list of items`);
    return box.map((item: unknown, i) => readItem({ value: item, where: `${where}, box ${b}, item ${i}` }));
  });
}

function readItem(record: JsonRecord): NlvrItem {
  const object = asObject(record);
  const { where } = record;
  const item = {
    type: textField(object, 'type', where),
    color: textField(object, 'color', where),
    x: numberField(object, 'x_loc', where),
    y: numberField(object, 'y_loc', where),
    size: numberField(object, 'size', where),
  };
  if (!KINDS.includes(item.type))
    throw new DataError(`${where}: expected a square, triangle or circle, found ${item.type}`);
  if (!COLORS.includes(item.color))
    throw new DataError(`${where}: expected the color ${COLORS.join(', ')}, found ${item.color}`);
  if (!SIZES.includes(item.size))
    throw new DataError(`${where}: expected the size ${SIZES.join(', ')}, found ${item.size}`);
  return item;
}

/**
 * A scene as regions: each box, followed by its items. Kind, color, size and box are one-hot (a box has no color and no size),
 * corners and sides are shares of the box. Boxes are in the pixels of NLVR's 400 x 100 pictures.
 * @example
 * const square = { type: 'square', color: 'Yellow', x: 10, y: 20, size: 20 };
 * const { count, dim, boxes } = sceneRegions([[square], [], []]); // 4 regions of 19 numbers
 * boxes.subarray(4, 8); // the square: 10, 20, 30, 40
 */
export function sceneRegions(scene: NlvrScene): RegionFeatures {
  requireKinds('sceneRegions', { 'a list': { scene } });
  const rows: number[][] = [];
  const boxes: number[] = [];
  scene.forEach((items, b) => {
    const add = (kind: string, color: string, size: number | null, x: number, y: number, side: number): void => {
      const shares = [x, y, x + side, y + side, side, side].map((value) => value / BOX_SIZE);
      rows.push([
        ...oneHot(KINDS, kind),
        ...oneHot(COLORS, color),
        ...oneHot(SIZES, size),
        ...oneHot([0, 1, 2], b),
        ...shares,
      ]);
      boxes.push(b * BOX_STEP + x, y, b * BOX_STEP + x + side, y + side);
    };
    add('box', '', null, 0, 0, BOX_SIZE);
    for (const { type, color, size, x, y } of items) add(type, color, size, x, y, size);
  });
  return {
    features: Float32Array.from(rows.flat()),
    count: rows.length,
    dim: NLVR_FEATURE_DIM,
    boxes: Float32Array.from(boxes),
    imageWidth: (BOXES - 1) * BOX_STEP + BOX_SIZE,
    imageHeight: BOX_SIZE,
  };
}

function oneHot<T>(values: readonly T[], value: T): number[] {
  return values.map((one) => (one === value ? 1 : 0));
}

/** A text that is equal for scenes that differ only in the order of boxes and items: NLVR has each scene in six orders. */
export function sceneKey(scene: NlvrScene): string {
  const itemKey = ({ type, color, size, x, y }: NlvrItem): string => `${type} ${color} ${size} ${x} ${y}`;
  return scene
    .map((items) => items.map(itemKey).sort().join(';'))
    .sort()
    .join('|');
}
