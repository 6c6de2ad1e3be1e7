// The work of the command `visualbert features`: describes any region features, and writes them in other formats.
import { Buffer } from 'node:buffer';
import { createSink, joinPath } from '#platform';
import { writeWhole } from '../byte-sink.js';
import { boxAt } from '../boxes.js';
import { DataError, errorMessage } from '../errors.js';
import type { StoredDetector } from './detector-identity.js';
import type { RegionFeatures, RegionFeatureSource } from './region-features.js';
import { requireKinds } from '../options.js';

/** Result of `inspectFeatures`. */
export interface FeatureReport {
  name: string;
  images: number;
  dim: number;
  /** Regions per image: minimum, mean and maximum over the images read. */
  regions: { min: number; mean: number; max: number };
  withBoxes: number;
  /** The detector of the regions, where the files state it. */
  detector: StoredDetector | null;
  read: number;
  problems: readonly string[];
}

/**
 * Describes features by reading up to `limit` images spread over all of them (Infinity: every one, which checks the whole file).
 * @example
 * const source = await openRegionFeatures('features.vbf');
 * const { images, dim, regions, problems } = await inspectFeatures(source, Infinity);
 * await source.close();
 */
export async function inspectFeatures(source: RegionFeatureSource, limit = 100): Promise<FeatureReport> {
  requireKinds('inspectFeatures', { 'region features': { source } });
  const ids = [...source.ids()];
  const step = Math.max(1, ids.length / limit);
  let [min, sum, max, read] = [Infinity, 0, 0, 0];
  const problems: string[] = [];
  let withBoxes = 0;
  for (let at = 0; at < ids.length; at += step) {
    const id = ids[Math.floor(at)] as string;
    try {
      const regions = await source.read(id);
      const { count, boxes } = regions;
      [min, sum, max, read] = [Math.min(min, count), sum + count, Math.max(max, count), read + 1];
      if (boxes !== undefined) withBoxes += 1;
      const misplaced = boxOutside(regions);
      if (misplaced !== null) problems.push(`${source.name}, image ${id}: ${misplaced}`);
    } catch (error) {
      problems.push(errorMessage(error));
    }
  }
  return {
    name: source.name,
    images: ids.length,
    dim: source.dim,
    regions: { min: read === 0 ? 0 : min, mean: sum / Math.max(1, read), max },
    withBoxes,
    detector: source.detector ?? null,
    read,
    problems,
  };
}

/** The problem of the first box that cannot belong to its picture: more than a pixel outside, or with swapped corners. */
function boxOutside({ boxes, count, imageWidth = Infinity, imageHeight = Infinity }: RegionFeatures): string | null {
  if (boxes === undefined) return null;
  for (let region = 0; region < count; region++) {
    const box = boxAt(boxes, region);
    const [x1, y1, x2, y2] = box;
    const isInside = x1 >= -1 && y1 >= -1 && x2 <= imageWidth + 1 && y2 <= imageHeight + 1;
    if (isInside && x1 <= x2 && y1 <= y2) continue;
    const size = imageWidth === Infinity ? 'its picture' : `its picture of ${imageWidth} x ${imageHeight} pixels`;
    return `region ${region}: the box [${box.join(', ')}] cannot belong to ${size}; expected x1, y1, x2, y2 in pixels`;
  }
  return null;
}

/**
 * Writes a `.tsv` in the columns of bottom-up attention.
 * @throws DataError for images without boxes or size.
 * @example
 * const source = await openRegionFeatures('features.vbf');
 * await writeTsvFeatures(source, 'features.tsv');
 * await source.close();
 */
export async function writeTsvFeatures(source: RegionFeatureSource, path: string): Promise<void> {
  requireKinds('writeTsvFeatures', { 'region features': { source }, 'a path': { path } });
  await writeWhole(await createSink(path), async (sink) => {
    for (const id of source.ids()) {
      const { features, boxes, count, imageWidth, imageHeight } = await source.read(id);
      if (boxes === undefined || imageWidth === undefined || imageHeight === undefined) {
        throw new DataError(
          `${source.name}, image ${id}: a .tsv needs boxes and the image size; convert to npy instead`,
        );
      }
      const line = [id, imageWidth, imageHeight, count, base64(boxes), base64(features)].join('\t');
      await sink.write(new TextEncoder().encode(`${line}\n`));
    }
  });
}

/**
 * Writes a folder with one `.npy` `[regions, dim]` float32 for each image. Boxes are lost.
 * @throws DataError for an id that is not a file name.
 * @example
 * const source = await openRegionFeatures('features.vbf');
 * await writeNpyFolder(source, 'npy'); // npy/1.npy
 * await source.close();
 */
export async function writeNpyFolder(source: RegionFeatureSource, folder: string): Promise<void> {
  requireKinds('writeNpyFolder', { 'region features': { source }, 'a path': { folder } });
  for (const id of source.ids()) {
    if (/[/\\\0]/.test(id)) throw new DataError(`${source.name}: image ${id} cannot be the name of a file`);
    const regions = await source.read(id);
    await writeWhole(await createSink(joinPath(folder, `${id}.npy`)), async (sink) => {
      await sink.write(npyHeader(regions));
      await sink.write(bytesOf(regions.features));
    });
  }
}

/** @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html version 1.0: the header ends at a multiple of 64 bytes */
function npyHeader({ count, dim }: RegionFeatures): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${dim}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = new Uint8Array(10 + length).fill(0x20);
  header.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, length & 0xff, length >> 8]);
  header.set(new TextEncoder().encode(text), 10);
  header[header.length - 1] = 0x0a;
  return header;
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function base64(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}
