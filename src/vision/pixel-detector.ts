// Pixel features of the boxes that a detector finds, for models that were trained on pixel features.
import { type Picture, type PictureDetector, requirePictureList } from '../features/picture-detector.js';
import type { PixelFeatureOptions } from '../features/pixel-options.js';
import { pixelFeatureDim, pixelFeatures } from '../features/pixels.js';
import { defined, requireKinds } from '../options.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import { pixelsOf } from './read-picture.js';
import type { RegionDetector } from './region-detector.js';

/** Finds regions in pictures and computes their pixel features. */
export interface PixelDetector extends PictureDetector {
  detect(pictures: readonly (Picture | RgbImage)[]): Promise<ReturnType<typeof pixelFeatures>[]>;
}

/**
 * Replaces the features of a detector by pixel features of its boxes, the same that a folder of pictures with `boxes.json` gets. Boxes that
 * contain no pixel, cut off at the border of the picture, are left out. The caller still owns the detector.
 * @example
 * const network = await RegionDetector.fromPretrained('runs/detector');
 * const detector = pixelDetector(network, { cells: 6, look: 'form' });
 * const ask = await pipeline('visual-question-answering', 'runs/pixels', { detector });
 * const answers = await ask({ question: 'What color is the bus?', regions: 'photo.jpg' });
 * await ask.dispose();
 * await network.dispose();
 * @see `pixelFeatures`
 */
export function pixelDetector(
  detector: Pick<RegionDetector, 'detect' | 'name'> & Partial<Pick<RegionDetector, 'config'>>,
  options: PixelFeatureOptions,
): PixelDetector {
  requireKinds('pixelDetector', { 'an object': { detector, options } });
  return {
    ...{ name: detector.name, ...defined({ config: detector.config }) },
    dim: pixelFeatureDim(options),
    pixels: options,
    detect: async (pictures) => {
      requirePictureList('pixelDetector', pictures);
      const images = await Promise.all(pictures.map((picture) => pixelsOf('pixelDetector', picture)));
      const found = await detector.detect(images);
      return images.map((image, i) => pixelFeatures(image, boxRows(found[i]?.boxes ?? new Float32Array()), options));
    },
  };
}

/** The boxes that contain pixels. */
function boxRows(boxes: Float32Array): number[][] {
  const rows = Array.from({ length: boxes.length / 4 }, (_, i) => [...boxes.subarray(4 * i, 4 * i + 4)]);
  return rows.filter(([x1 = 0, y1 = 0, x2 = 0, y2 = 0]) => x1 < x2 && y1 < y2);
}
