// The regions of an image in every form that a pipeline accepts.
import { isPicture, type Picture } from '../features/picture-detector.js';
import { DataError } from '../errors.js';
import { type RegionFeatures, type RegionFeatureSource, requireUsable } from '../features/region-features.js';
import { isRegionRows, type RegionRows, regionsOfRows } from '../features/region-rows.js';
import { shown } from '../options.js';
import { type RegionInput, regionsOf, requireWhole } from '../processing/region-inputs.js';

/** An image of a feature source. */
export interface SourcedImage {
  source: Pick<RegionFeatureSource, 'read' | 'name' | 'detector'>;
  image: string;
}

/** Region features or an array `[v, d]`, also as lists; an image of a source; or, for a pipeline with a detector, a picture. */
export type RegionsOfImage = RegionInput | RegionRows | SourcedImage | Picture;

/** What to do with a picture that was given under another name, or not at all. */
export const PICTURE_HINT =
  "; a picture is also given as { regions: 'photo.jpg' }, to a pipeline with the option detector";

/** Region features of any form; `readPicture` finds those of a picture. @throws DataError for an absent image; what `readPicture` throws */
export async function readRegions(
  input: RegionsOfImage,
  readPicture: (picture: Picture) => Promise<RegionFeatures>,
): Promise<RegionFeatures> {
  if (isPicture(input)) return readPicture(input);
  if (isRegionRows(input)) return requireUsable(regionsOfRows(input, 'regions'), 'regions');
  requireForm(input);
  const read = isSourced(input)
    ? requireWhole(await input.source.read(input.image), nameOf(input))
    : await regionsOf(input, 'regions');
  return requireUsable(read, isSourced(input) ? nameOf(input) : 'regions');
}

/** For errors. */
function nameOf({ source, image }: SourcedImage): string {
  return `${source.name}, image ${image}`;
}

/** @throws DataError for a value in none of the forms */
function requireForm(input: unknown): void {
  const given = (typeof input === 'object' && !Array.isArray(input) ? input : null) ?? {};
  const { source } = given as { source?: { read?: unknown } | null };
  const isForm = ['features', 'shape'].some((key) => key in given) || typeof source?.read === 'function';
  if (isForm) return;
  throw new DataError(
    'regions: expected region features { features, count, dim }, an array [v, d] (lists of numbers, { dtype, shape, data } or a tensor), ' +
      'an image of a feature source { source, image }, or a picture, ' +
      `received ${shown(input)}${input === undefined ? PICTURE_HINT : ''}`,
  );
}

/** Whether an input is an image of a feature source. */
export function isSourced(input: RegionsOfImage): input is SourcedImage {
  return !isPicture(input) && typeof input === 'object' && input !== null && 'source' in input;
}

/** One image's regions, or those of several. @throws DataError for an empty list */
export function imagesOf(regions: RegionsOfImage | readonly RegionsOfImage[]): readonly RegionsOfImage[] {
  if (!isImageList(regions)) return [regions];
  if (regions.length === 0)
    throw new DataError('regions: expected those of at least one image, received an empty list');
  return regions;
}

/** The regions of a task about one image. @throws DataError for a list of images */
export function requireOneImage(regions: RegionsOfImage): RegionsOfImage {
  if (!isImageList(regions)) return regions;
  throw new DataError(
    `regions: expected those of one image, received a list of ${regions.length}; arrays are given as one list of numbers for each region, ` +
      '{ features, count, dim } or { dtype, shape, data }',
  );
}

function isImageList(regions: RegionsOfImage | readonly RegionsOfImage[]): regions is readonly RegionsOfImage[] {
  return Array.isArray(regions) && !isRegionRows(regions);
}
