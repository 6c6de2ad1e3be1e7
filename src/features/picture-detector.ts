// A detector as the rest of the package sees it: pictures in, regions out, whatever the network.
import { shortAddress } from '#platform';
import { ConfigError, DataError } from '../errors.js';
import { shown } from '../options.js';
import type { PixelFeatureOptions } from './pixel-options.js';
import type { RegionFeatures } from './region-features.js';

/** A picture: a file's path, an address, or the bytes of a file. */
export type Picture = string | URL | Uint8Array;

/** Finds regions in pictures and describes them. `RegionDetector` is one. */
export interface PictureDetector {
  /** The regions of each picture. */
  detect(pictures: readonly Picture[]): Promise<readonly RegionFeatures[]>;
  /** Its name among the known detectors; null or absent for your own. */
  readonly name?: string | null;
  /** Width of the features, if known in advance. */
  readonly dim?: number;
  /** How it describes the boxes that it finds, where by their pixels. */
  readonly pixels?: Readonly<PixelFeatureOptions>;
}

/** Whether an input is a picture, not regions. */
export function isPicture(input: unknown): input is Picture {
  return typeof input === 'string' || input instanceof URL || ArrayBuffer.isView(input);
}

/**
 * Reads pictures one after another, since each takes all cores and much memory. A picture that is requested again while it is pending is
 * read once.
 * The reader throws ConfigError without a detector, and DataError when the detector finds no regions in the picture.
 * @throws ConfigError for a value that is not a detector
 */
export function pictureReader(detector: PictureDetector | undefined): (picture: Picture) => Promise<RegionFeatures> {
  if (detector !== undefined && typeof (detector as Partial<PictureDetector> | null)?.detect !== 'function')
    throw new ConfigError(`detector: expected one with detect(pictures), received ${shown(detector)}`);
  const pending = new Map<unknown, Promise<RegionFeatures>>();
  let last: Promise<unknown> = Promise.resolve();
  return async (picture) => {
    if (detector === undefined) throw missingDetector();
    const key = picture instanceof URL ? picture.href : picture;
    const known = pending.get(key);
    if (known !== undefined) return known;
    const regions = last.then(() => detectOne(detector, picture)).finally(() => pending.delete(key));
    last = regions.catch(() => undefined);
    pending.set(key, regions);
    return regions;
  };
}

async function detectOne(detector: PictureDetector, picture: Picture): Promise<RegionFeatures> {
  const [regions] = await detector.detect([picture]);
  if (regions !== undefined && regions.count > 0) return regions;
  const name = ArrayBuffer.isView(picture) ? `a picture of ${picture.byteLength} bytes` : shortAddress(String(picture));
  throw new DataError(`${name}: the detector found no regions`);
}

function missingDetector(): ConfigError {
  return new ConfigError(
    'expected region features, received a picture; give a detector that finds regions in it: ' +
      "{ detector: await RegionDetector.fromPretrained('folder') }",
  );
}
