// The images of a server: regions of its feature store, pictures for the page, and regions that a detector finds in uploaded pictures.
import { createHash } from 'node:crypto';
import { openRegionFeatures } from '../features/open.js';
import { type PictureDetector, pictureReader } from '../features/picture-detector.js';
import { type RegionFeatures, type RegionFeatureSource, requireUsable } from '../features/region-features.js';
import { cachedSource } from '../features/wrappers.js';
import { imageKey } from '../image-key.js';
import { shown } from '../options.js';
import { pictureKind } from '../pictures/kind.js';
import { nameByOf, openPictures } from '../pictures/sources/open.js';
import type { PictureSource } from '../pictures/sources/source.js';
import { warnAboutDetector } from '../processing/detector-warning.js';
import { readTrainedDetector } from '../processing/load-processor.js';
import type { ServeOptions } from './contract.js';
import { RequestError, withInputErrors } from './request-error.js';

/** Size of the cache of regions: clients ask several questions about one image. */
const CACHED_BYTES = 128 * 2 ** 20;
/** Uploaded pictures whose regions are cached: the page asks several questions about one. */
const KEPT_PICTURES = 16;

/** A page of ids. */
export interface IdPage {
  ids: string[];
  /** Number of matches. */
  total: number;
}

/** Images by id; no other file can be read. */
export class ServedImages {
  private readonly ids: readonly string[];
  private readonly pictureIds: ReadonlySet<string>;
  /** By the hash of their bytes, in order of last use. */
  private readonly detected = new Map<string, Promise<RegionFeatures>>();

  private constructor(
    private readonly source: RegionFeatureSource | null,
    private readonly pictures: PictureSource | null,
    private readonly detector: PictureDetector | null,
  ) {
    this.ids = source === null ? [] : [...source.ids()];
    this.pictureIds = new Set(pictures?.ids.map(imageKey));
  }

  /** @throws DataError when features or pictures cannot be opened */
  static async open({
    model,
    features,
    pixels = {},
    pictures,
    detector,
  }: Pick<ServeOptions, 'model' | 'features' | 'pixels' | 'pictures' | 'detector'>): Promise<ServedImages> {
    const source = features === undefined ? null : await openRegionFeatures(features, pixels);
    try {
      if (source !== null) warnAboutDetector(await readTrainedDetector(model), source.detector, source.name);
      const opened =
        pictures === undefined ? null : await openPictures(pictures, { nameBy: nameByOf(source?.ids() ?? []) });
      return new ServedImages(source && cachedSource(source, CACHED_BYTES), opened, detector ?? null);
    } catch (error) {
      await source?.close();
      throw error;
    }
  }

  /** Number of images in the store; null without one. */
  get count(): number | null {
    return this.source === null ? null : this.ids.length;
  }

  get canDetect(): boolean {
    return this.detector !== null;
  }

  /** The ids that contain a text. */
  search(text: string, offset: number, limit: number): IdPage {
    const wanted = text.toLowerCase();
    const found = wanted === '' ? this.ids : this.ids.filter((id) => id.toLowerCase().includes(wanted));
    return { ids: found.slice(offset, offset + limit), total: found.length };
  }

  /** @throws RequestError 404 for an id that the store does not have */
  async regionsOf(id: string): Promise<RegionFeatures> {
    const { source } = this;
    if (source === null)
      throw new RequestError(422, 'image: this server has no store of region features; send features');
    if (!source.has(id)) {
      throw new RequestError(
        404,
        `image: the store has no ${JSON.stringify(id)} among its ${this.ids.length} images; GET /v1/images?search=TEXT finds ids, limit and offset choose how many and which`,
      );
    }
    return source.read(id);
  }

  hasPicture(id: string): boolean {
    return this.pictureIds.has(imageKey(id));
  }

  /** The file of a picture. @throws RequestError 404 without one */
  async pictureOf(id: string): Promise<Uint8Array> {
    if (this.pictures === null || !this.hasPicture(id))
      throw new RequestError(404, `no picture of image ${JSON.stringify(id)}`);
    return this.pictures.read(id);
  }

  /**
   * The regions of an uploaded picture, in base64. `alone` runs the detector when no batch is running.
   * @throws RequestError 422 without a detector, or for bytes that are not a picture
   */
  async regionsIn(
    picture: string,
    alone: (work: () => Promise<RegionFeatures>) => Promise<RegionFeatures>,
  ): Promise<RegionFeatures> {
    const { detector } = this;
    if (detector === null)
      throw new RequestError(422, 'picture: this server has no detector; send an image id or features');
    const bytes = pictureBytes(picture);
    const key = createHash('sha256').update(bytes).digest('base64');
    const known = this.detected.get(key);
    const regions =
      known ?? alone(() => withInputErrors(async () => requireUsable(await pictureReader(detector)(bytes), 'picture')));
    this.detected.delete(key);
    this.detected.set(key, regions);
    const [oldest] = this.detected.keys();
    if (this.detected.size > KEPT_PICTURES && oldest !== undefined) this.detected.delete(oldest);
    return regions.catch((error: unknown) => {
      this.detected.delete(key);
      throw error;
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.source?.close(), this.pictures?.close()]);
  }
}

/** The file of a picture from its base64, or from a data URL. @throws RequestError 422 for anything else */
function pictureBytes(text: string): Uint8Array {
  const bytes = Buffer.from(text.replace(/^data:[^,]*;base64,/, ''), 'base64');
  if (pictureKind(bytes) !== null) return bytes;
  throw new RequestError(
    422,
    `picture: expected the file of a picture, such as a PNG or JPEG, in base64, received ${shown(text)}`,
  );
}
