// Region features made on the fly from pictures: the pixels of given boxes, or of a grid of patches.
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { z } from 'zod';
import { exists } from '#platform';
import { readWhole } from '../../platform/files.js';
import { checkedValue } from '../../checked-value.js';
import { DataError } from '../../errors.js';
import { imageKey } from '../../image-key.js';
import { readJson } from '../../formats/json.js';
import type { PictureFeatureOptions } from '../pixel-options.js';
import { gridBoxes, pixelFeatureDim, pixelFeatures } from '../pixels.js';
import { decodePng } from '../../pictures/png.js';
import { indexedSource, indexIds } from '../indexed-source.js';
import type { RegionFeatureSource } from '../region-features.js';
import { firstOf } from '../../words.js';

/** File in the folder with the boxes of its images: `{ "<image id>": [[x1, y1, x2, y2], ...] }`. */
const BOXES_FILE = 'boxes.json';
const boxesFile = z.record(z.string(), z.array(z.array(z.number()).length(4)));

/**
 * Opens a folder (and those inside it) of PNG pictures. Regions are the boxes of `boxes.json` in it, else a grid of patches.
 * @throws DataError when there is no picture, or a picture has no boxes.
 */
export async function openPictureFeatures(
  folder: string,
  { grid, cells, look }: PictureFeatureOptions,
): Promise<RegionFeatureSource> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.png')).sort();
  const idOf = (file: string): string =>
    file
      .split(sep)
      .at(-1)
      ?.replace(/\.png$/, '') ?? file;
  if (files.length === 0) throw new DataError(`${folder}: holds no .png picture`);
  const ids = files.map(idOf);
  const boxes = await readBoxes(join(folder, BOXES_FILE));
  const boxesOf = (row: number): number[][] | undefined => boxes?.get(imageKey(ids[row] ?? ''));
  return indexedSource({
    name: `pictures folder ${folder}`,
    dim: pixelFeatureDim({ cells, look }),
    ...(boxes !== null && { detector: { name: null, pixels: { cells, look } } }),
    ids,
    countOf: (row) => (boxes === null ? grid * grid : boxesOf(row)?.length),
    read: async (row) => {
      const path = join(folder, files[row] ?? '');
      const image = decodePng(await readWhole(path), path);
      const regions = boxes === null ? gridBoxes(image.width, image.height, grid) : boxesOf(row);
      if (regions === undefined) throw new DataError(`${join(folder, BOXES_FILE)}: has no boxes for image ${ids[row]}`);
      return pixelFeatures(image, regions, { cells, look });
    },
  });
}

async function readBoxes(path: string): Promise<ReadonlyMap<string, number[][]> | null> {
  if (!(await exists(path))) return null;
  const { data, problems } = checkedValue(boxesFile, await readJson(path), 'the file');
  if (problems !== null)
    throw new DataError(`${path}: expected { "<image id>": [[x1, y1, x2, y2], ...] }: ${firstOf(problems, 3, '; ')}`);
  return indexIds(Object.entries(data), path);
}
