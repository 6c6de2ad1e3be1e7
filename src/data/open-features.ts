// Opens region features whatever their format: one place that knows them all.
import { readdir } from 'node:fs/promises';
import { exists, isFolder } from '#platform';
import { DataError } from '../errors.js';
import { openFeatureStore, STORE_EXTENSION } from './feature-store.js';
import { openFolderFeatures } from './folder-features.js';
import { type ImageFeatureOptions, openImageFeatures } from './image-features.js';
import type { RegionFeatureSource } from './region-features.js';
import { joinSources } from './region-wrappers.js';
import { openSafetensorsFeatures } from './safetensors-features.js';
import { openTsvFeatures } from './tsv-features.js';

/** 8 x 8 patches of 8 x 8 colours: every pixel of a 64 x 64 picture. */
const DEFAULT_IMAGE_OPTIONS: ImageFeatureOptions = { grid: 8, cells: 8, look: 'colors' };

/**
 * Opens the region features of one or several paths as one source: a `.tsv` of bottom-up attention, a store of this package, a `.safetensors`, a folder of `.npy` or `.npz` files, or
 * a folder of PNG pictures whose pixels become features.
 * @throws DataError when a path is absent or of no known format, or the widths differ.
 */
export async function openRegionFeatures(
  paths: string | readonly string[],
  options: Partial<ImageFeatureOptions> = {},
): Promise<RegionFeatureSource> {
  const sources: RegionFeatureSource[] = [];
  try {
    for (const path of typeof paths === 'string' ? [paths] : paths) sources.push(await openOne(path, options));
    return joinSources(sources);
  } catch (error) {
    await Promise.all(sources.map((source) => source.close()));
    throw error;
  }
}

async function openOne(path: string, options: Partial<ImageFeatureOptions>): Promise<RegionFeatureSource> {
  if (!(await exists(path))) throw new DataError(`${path}: no such file or folder of region features`);
  if (await isFolder(path)) {
    const names = await readdir(path, { recursive: true });
    if (names.some((name) => /\.np[yz]$/.test(name))) return openFolderFeatures(path);
    if (names.some((name) => name.endsWith('.png')))
      return openImageFeatures(path, { ...DEFAULT_IMAGE_OPTIONS, ...options });
    throw new DataError(
      `${path}: expected a folder of .npy, .npz or .png files, found ${names.slice(0, 3).join(', ') || 'nothing'}`,
    );
  }
  if (path.endsWith('.tsv')) return openTsvFeatures(path);
  if (path.endsWith(STORE_EXTENSION)) return openFeatureStore(path);
  if (path.endsWith('.safetensors')) return openSafetensorsFeatures(path);
  throw new DataError(
    `${path}: expected region features as a .tsv file, a ${STORE_EXTENSION} store, a .safetensors file, or a folder of .npy, .npz or .png files`,
  );
}
