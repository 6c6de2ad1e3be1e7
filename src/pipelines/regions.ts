// The regions of an image in every form that a pipeline takes them.
import { isPicture, type Picture } from '../features/picture-detector.js';
import type { RegionFeatures, RegionFeatureSource } from '../features/region-features.js';
import { type RegionInput, regionsOf } from '../processing/region-inputs.js';

/** An image of a feature source. */
export interface SourcedImage {
  source: Pick<RegionFeatureSource, 'read' | 'name' | 'detector'>;
  image: string;
}

/** Region features or an array `[v, d]`; an image of a source; or, for a pipeline with a detector, a picture. */
export type RegionsOfImage = RegionInput | SourcedImage | Picture;

/** Region features of any form; `readPicture` finds those of a picture. @throws DataError for an absent image; what `readPicture` throws */
export async function readRegions(
  input: RegionsOfImage,
  readPicture: (picture: Picture) => Promise<RegionFeatures>,
): Promise<RegionFeatures> {
  if (isPicture(input)) return readPicture(input);
  if (isSourced(input)) return input.source.read(input.image);
  return regionsOf(input, undefined, undefined);
}

/** Whether an input is an image of a feature source. */
export function isSourced(input: RegionsOfImage): input is SourcedImage {
  return !isPicture(input) && 'source' in input;
}

/** One image's regions, or those of several. */
export function imagesOf(regions: RegionsOfImage | readonly RegionsOfImage[]): readonly RegionsOfImage[] {
  return Array.isArray(regions) ? (regions as readonly RegionsOfImage[]) : [regions as RegionsOfImage];
}
