// Region features as one list of numbers per region.
import { DataError } from '../errors.js';
import { shown } from '../options.js';
import type { RegionFeatures } from './region-features.js';

/** The features of an image's regions `[v, d]`: one list of numbers per region, all of one length. */
export type RegionRows = readonly (readonly number[] | Float32Array | Float64Array)[];

/** Whether a value is the rows of one image, by its first row, good or bad: lists of images have lists or objects there. */
export function isRegionRows(value: unknown): value is RegionRows {
  const row: unknown = Array.isArray(value) ? value[0] : null;
  return isFloats(row) || (Array.isArray(row) && (typeof row[0] !== 'object' || row[0] === null));
}

/** The regions of rows, without boxes. @throws DataError naming the first row of another length or with anything but numbers */
export function regionsOfRows(rows: RegionRows, where: string): RegionFeatures {
  const dim = rows[0]?.length ?? 0;
  const features = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => {
    if (!isRow(row) || row.length !== dim)
      throw new DataError(
        `${where}, region ${i}: expected ${dim} numbers${i === 0 ? '' : ', as region 0 has'}, received ${shown(row)}`,
      );
    features.set(row, i * dim);
  });
  return { features, count: rows.length, dim };
}

function isRow(row: unknown): row is RegionRows[number] {
  return isFloats(row) || (Array.isArray(row) && row.every((value) => typeof value === 'number'));
}

/** Whether a value is an array of floats, of any realm. */
function isFloats(value: unknown): value is Float32Array | Float64Array {
  return ['[object Float32Array]', '[object Float64Array]'].includes(Object.prototype.toString.call(value));
}
