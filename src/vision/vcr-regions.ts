// Computes the region features of one VCR picture: the whole picture first, then each object in the order of the annotation.
import { tf } from '#tf';
import type { RgbImage } from '../pictures/rgb-image.js';
import type { RegionFeatures } from '../features/region-features.js';
import { readVcrMetadata, type VcrImage } from '../records/vcr-images.js';
import { DataError } from '../errors.js';
import { COCO_CLASSES } from './coco-classes.js';
import { MASK_SIZE, objectMask } from './object-mask.js';
import { readPicture } from '../pictures/decode.js';
import { boxOnCanvas, normalised, vcrCanvas } from './vcr-canvas.js';
import type { VcrFeatureExtractor } from './vcr-feature-extractor.js';
import { requireKinds } from '../options.js';

/** Class indices of COCO's names as VCR writes them, from 1; 0 is background. */
const KINDS: ReadonlyMap<string, number> = new Map(COCO_CLASSES.map((name, i) => [name.replaceAll(' ', ''), i + 1]));

/** A picture prepared for the feature extractor. */
export interface VcrScene {
  /** `[384, 768, 3]` */
  canvas: RgbImage;
  /** Boxes on the canvas: the picture, then its objects. `[r, 4]` */
  boxes: Float32Array;
  /** `[r, 14, 14]` */
  masks: Float32Array;
  /** `[r]` */
  kinds: Int32Array;
  /** The same boxes in pixels of the picture. `[r, 4]` */
  pictureBoxes: Float32Array;
  pictureWidth: number;
  pictureHeight: number;
}

/**
 * Reads a picture, its boxes and outlines.
 * @throws DataError naming the file.
 * @example
 * const [image] = await readVcrImages(['val.jsonl'], 'vcr1images');
 * const { boxes, masks } = await readVcrScene(image); // the whole picture, then image.objects
 */
export async function readVcrScene(image: VcrImage): Promise<VcrScene> {
  requireKinds('readVcrScene', { 'an object': { image } });
  const { boxes, outlines } = await readVcrMetadata(image);
  const kinds = image.objects.map((name) => kindOf(name, image));
  const { width, height, ...pixels } = await readPicture(image.picture, { as: 'stored' });
  const canvas = vcrCanvas({ width, height, ...pixels });
  const onCanvas = boxes.map((box, i) => boxOnCanvas(box, canvas, `${image.metadata}, box ${i}`));
  const area = MASK_SIZE ** 2;
  const masks = new Float32Array((1 + boxes.length) * area).fill(1, 0, area); // the whole picture first
  boxes.forEach((box, i) => masks.set(objectMask(box, outlines[i] ?? []), (1 + i) * area));
  return {
    canvas: canvas.image,
    boxes: Float32Array.from([canvas.window, ...onCanvas].flat()),
    masks,
    kinds: Int32Array.from([0, ...kinds]),
    pictureBoxes: Float32Array.from([[0, 0, width, height], ...boxes].flat()),
    pictureWidth: width,
    pictureHeight: height,
  };
}

/**
 * The features of a scene.
 * @example
 * const extractor = await VcrFeatureExtractor.load('visualbert-vcr/detector.safetensors');
 * const [image] = await readVcrImages(['val.jsonl'], 'vcr1images');
 * const { features, count, dim } = await vcrRegions(extractor, await readVcrScene(image)); // [count, dim] float32
 * extractor.dispose();
 */
export async function vcrRegions(extractor: VcrFeatureExtractor, scene: VcrScene): Promise<RegionFeatures> {
  requireKinds('vcrRegions', { 'an object': { extractor, scene } });
  const { canvas, pictureBoxes, pictureWidth, pictureHeight } = scene;
  const output = tf.tidy(() => {
    const picture = tf.tensor3d(normalised(canvas), [canvas.height, canvas.width, 3]);
    return extractor.run({ ...scene, picture });
  });
  const features = (await output.data()) as Float32Array;
  output.dispose();
  return {
    features,
    count: scene.kinds.length,
    dim: extractor.dim,
    boxes: pictureBoxes,
    imageWidth: pictureWidth,
    imageHeight: pictureHeight,
  };
}

function kindOf(name: string, { metadata }: VcrImage): number {
  const kind = KINDS.get(name);
  if (kind !== undefined) return kind;
  throw new DataError(
    `${metadata}: the object "${name}" is none of the 80 classes of the feature extractor, such as "person" or "wineglass"`,
  );
}
