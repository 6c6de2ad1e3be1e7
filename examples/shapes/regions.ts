// Pictures that nothing has cut into regions: a detector finds the boxes, and their pixels describe them as the models here read regions.
import { pixelFeatures, type RgbImage } from '../../src/index.js';
import { SHAPES_RECIPE } from './recipe.js';

/** What finds boxes `[count, 4]` in pixels: a `RegionDetector`. */
export interface BoxDetector {
  detect(images: readonly RgbImage[]): Promise<readonly { boxes: Float32Array }[]>;
}

/** The regions of a picture. */
export async function regionsIn(image: RgbImage, detector: BoxDetector): Promise<ReturnType<typeof pixelFeatures>> {
  const [boxes = []] = await boxesIn([image], detector);
  return pixelFeatures(image, boxes, SHAPES_RECIPE.features);
}

/** The boxes in pictures. */
export async function boxesIn(images: readonly RgbImage[], detector: BoxDetector): Promise<number[][][]> {
  const found = await detector.detect(images);
  return found.map(({ boxes }) =>
    Array.from({ length: boxes.length / 4 }, (_, i) => [...boxes.subarray(4 * i, 4 * i + 4)]),
  );
}
