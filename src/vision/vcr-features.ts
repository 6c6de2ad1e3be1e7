// Writes the region features of all VCR pictures into one new or continued store; reads the next picture while one is computed.
import { exists, isFolder, joinPath } from '#platform';
import { VCR_FEATURE_EXTRACTOR } from '../features/detector-identity.js';
import { requireStorePath } from '../features/store/layout.js';
import { resumeStore, type StoreWriter } from '../features/store/resume.js';
import { readVcrImages, type VcrImage } from '../records/vcr-images.js';
import { DataError } from '../errors.js';
import { VcrFeatureExtractor } from './vcr-feature-extractor.js';
import { fileDigest } from '../platform/file-digest.js';
import { readVcrScene, vcrRegions, type VcrScene } from './vcr-regions.js';
import { requireOptions } from '../options.js';

/** The file that `visualbert convert` writes the feature extractor to. */
const DETECTOR_FILE = 'detector.safetensors';

/** Options of `writeVcrFeatures`. */
export interface VcrFeatureOptions {
  /** Annotations: `train.jsonl`, `val.jsonl`, `test.jsonl`. */
  data: readonly string[];
  /** The folder `vcr1images`. */
  images: string;
  /** `detector.safetensors`, or the folder of a converted VCR checkpoint. */
  detector: string;
  /** The store to write. */
  output: string;
  /** Store half floats: half the size, 11 bits of precision. Default false. */
  half?: boolean;
  /** Called after each picture, and first for all pictures of earlier runs. */
  onImage?: (done: number, all: number) => void;
}

/**
 * Writes the store for `train vcr --features`: for each picture its own features, then those of every object. Call it again to continue a
 * stopped run.
 * @throws DataError for invalid pictures, metadata or annotations; CheckpointError for another network's weights.
 * @example
 * await writeVcrFeatures({ data: ['val.jsonl'], images: 'vcr1images', detector: 'visualbert-vcr', output: 'vcr.vbf' });
 */
export async function writeVcrFeatures(options: VcrFeatureOptions): Promise<void> {
  requireOptions('writeVcrFeatures', options);
  requireStorePath('writeVcrFeatures', options.output);
  const { data, images: folder, output, half = false, onImage } = options;
  const path = (await isFolder(options.detector)) ? joinPath(options.detector, DETECTOR_FILE) : options.detector;
  if (!(await exists(path))) {
    throw new DataError(
      `${path}: no such file; \`visualbert convert\` of the authors' VCR checkpoint (.th) writes ${DETECTOR_FILE}`,
    );
  }
  const images = await readVcrImages(data, folder);
  const extractor = await VcrFeatureExtractor.load(path);
  try {
    const weights = await fileDigest(path);
    const traits = {
      dim: extractor.dim,
      dtype: half ? 'float16' : 'float32',
      origin: `sha256 ${weights}`,
      detector: { name: VCR_FEATURE_EXTRACTOR, weights },
    } as const;
    const ids = new Set(images.map(({ id }) => id));
    const writer = await resumeStore(output, traits, { isCurrent: async (id) => ids.has(id) });
    try {
      await writeImages(images, extractor, writer, onImage);
      await writer.finish();
    } finally {
      await writer.close();
    }
  } finally {
    extractor.dispose();
  }
}

async function writeImages(
  images: readonly VcrImage[],
  extractor: VcrFeatureExtractor,
  writer: StoreWriter,
  onImage: VcrFeatureOptions['onImage'],
): Promise<void> {
  const left = images.filter(({ id }) => !writer.done.has(id));
  if (left.length < images.length) onImage?.(images.length - left.length, images.length);
  let next: Promise<VcrScene> | null = null;
  for (const [i, { id }] of left.entries()) {
    const scene = await (next ?? readVcrScene(left[i] as VcrImage));
    const following = left[i + 1];
    next = following === undefined ? null : readVcrScene(following);
    next?.catch(() => undefined); // reported when it is awaited
    await writer.add(id, await vcrRegions(extractor, scene));
    onImage?.(images.length - left.length + i + 1, images.length);
  }
}
