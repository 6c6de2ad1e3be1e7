// The regions of an image in every form that a pipeline takes them.
import { ConfigError } from '../errors.js';
import type { RegionFeatures, RegionFeatureSource } from '../features/region-features.js';
import { type RegionInput, regionsOf } from '../processing/region-inputs.js';

/** A picture: a file's path, an address, or the bytes of a file. */
export type Picture = string | URL | Uint8Array;

/** Finds regions in a picture and describes them. */
export interface PictureDetector {
  detect(picture: Picture): Promise<RegionFeatures>;
}

/** An image of a feature source. */
export interface SourcedImage {
  source: Pick<RegionFeatureSource, 'read'>;
  image: string;
}

/** Region features or an array `[v, d]`; an image of a source; or, for a pipeline with a detector, a picture. */
export type RegionsOfImage = RegionInput | SourcedImage | Picture;

/** Region features of any form. @throws ConfigError for a picture without a detector; DataError for an absent image */
export async function readRegions(
  input: RegionsOfImage,
  detector: PictureDetector | undefined,
): Promise<RegionFeatures> {
  if (isPicture(input)) {
    if (detector !== undefined) return detector.detect(input);
    throw new ConfigError(
      'regions: expected region features, received a picture; give the pipeline a detector that finds regions in it: pipeline(task, model, { detector })',
    );
  }
  if ('source' in input) return input.source.read(input.image);
  return regionsOf(input, undefined, undefined);
}

/** One image's regions, or those of several. */
export function imagesOf(regions: RegionsOfImage | readonly RegionsOfImage[]): readonly RegionsOfImage[] {
  return Array.isArray(regions) ? (regions as readonly RegionsOfImage[]) : [regions as RegionsOfImage];
}

function isPicture(input: RegionsOfImage): input is Picture {
  return typeof input === 'string' || input instanceof URL || ArrayBuffer.isView(input);
}
