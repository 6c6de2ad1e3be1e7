// A detector as the rest of the package sees it: pictures in, regions out, whatever the network.
import { shortAddress } from '#platform';
import { ConfigError, DataError } from '../errors.js';
import { shown } from '../options.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import type { PixelFeatureOptions } from './pixel-options.js';
import type { RegionFeatures } from './region-features.js';
import { firstOf } from '../words.js';

/** A picture: a file's path, an address, or the bytes of a file. */
export type Picture = string | URL | Uint8Array | ArrayBuffer | Blob;

/** Finds regions in pictures and describes them. `RegionDetector` is one. */
export interface PictureDetector {
  /** The regions of each picture. */
  detect(pictures: readonly Picture[]): Promise<readonly RegionFeatures[]>;
  /** Its name among the known detectors; null or absent for your own. */
  readonly name?: string | null;
  /** Its settings, as in the config.json of a converted detector. */
  readonly config?: Readonly<object>;
  /** Width of the features, if known in advance. */
  readonly dim?: number;
  /** How it describes its boxes, if it does so by their pixels and not by a network. */
  readonly pixels?: Readonly<PixelFeatureOptions>;
}

/** Whether an input is a picture, not regions. */
export function isPicture(input: unknown): input is Picture {
  return typeof input === 'string' || input instanceof URL || byteCount(input) !== null;
}

/**
 * Checks what is given as a picture: one, or its pixels.
 * @throws ConfigError saying what was received
 */
export function requirePictureInput(owner: string, input: unknown): asserts input is Picture | RgbImage {
  if (isPicture(input) || hasFields(input, 'width', 'height', 'rgb')) return;
  const isRegions = hasFields(input, 'features', 'dim', 'count');
  throw new ConfigError(
    `${owner}: expected a picture (a path, an address, the bytes of a file, or pixels { width, height, rgb }), received ` +
      (isRegions
        ? 'region features; they need no detector: give them as visualEmbeds to a processor, as regions to a pipeline'
        : kindOf(input)),
  );
}

/** @throws ConfigError for anything but a list of pictures, such as one picture */
export function requirePictureList(owner: string, pictures: unknown): void {
  if (Array.isArray(pictures)) return;
  const isOne = isPicture(pictures) || hasFields(pictures, 'width', 'height', 'rgb');
  throw new ConfigError(
    `${owner}: expected a list of pictures, received ${isOne ? 'one picture; put it into a list, [picture]' : kindOf(pictures)}`,
  );
}

function hasFields(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value);
}

/** `a list`, `an object with width, height, data`, `5`. */
function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value !== 'object' || value === null) return shown(value);
  const name = (value.constructor as { name?: string } | undefined)?.name ?? 'Object';
  if (name !== 'Object') return `a value of the class ${name}`;
  const fields = Object.keys(value);
  return fields.length === 0 ? 'an empty object' : `an object with ${firstOf(fields, 8)}`;
}

/** The size of a picture that is given as bytes; null for another value. */
function byteCount(input: unknown): number | null {
  if (input instanceof Blob) return input.size;
  return ArrayBuffer.isView(input) || input instanceof ArrayBuffer ? input.byteLength : null;
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
    requirePictureInput('image', picture);
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
  const bytes = byteCount(picture);
  const name = bytes === null ? shortAddress(String(picture)) : `a picture of ${bytes} bytes`;
  throw new DataError(`${name}: the detector found no regions`);
}

function missingDetector(): ConfigError {
  return new ConfigError(
    'expected region features, received a picture; give a detector that finds regions in it: ' +
      "{ detector: await RegionDetector.fromPretrained('folder') }",
  );
}
