// Collates pictures and their objects into a training batch of a detector.
import { DataError } from '../../errors.js';
import type { RgbImage } from '../../pictures/rgb-image.js';
import type { DetectorConfig } from '../detector/config.js';
import { batchPictures, preparePicture } from '../detector/preprocess.js';
import type { DetectionBatch } from './trainable-detector.js';
import { requireKinds } from '../../options.js';

/** An object in a picture. */
export interface DetectionObject {
  /** x1, y1, x2, y2 in pixels of the picture. */
  box: readonly [number, number, number, number];
  /** Index of its class, from 0. */
  class: number;
  /** Index of its attribute, from 0; absent when unknown. */
  attribute?: number;
}

/** A picture with all its annotated objects. */
export interface DetectionExample {
  image: RgbImage;
  objects: readonly DetectionObject[];
}

/**
 * Resizes and pads pictures as for detection, and scales their boxes.
 * @throws DataError for a class or attribute that the detector does not have.
 * @example
 * const { pictures, boxes, classes } = detectionBatch(examples, config);
 * boxes.shape; // [b, g, 4] for at most g objects in a picture
 */
export function detectionBatch(examples: readonly DetectionExample[], config: DetectorConfig): DetectionBatch {
  requireKinds('detectionBatch', { 'a list': { examples }, 'an object': { config } });
  const prepared = examples.map(({ image }) => preparePicture(image, config));
  const { shape, pixels, sizes } = batchPictures(prepared, config);
  const b = examples.length;
  const g = Math.max(1, ...examples.map(({ objects }) => objects.length));
  const boxes = new Float32Array(b * g * 4);
  const classes = new Int32Array(b * g);
  const attributes = new Int32Array(b * g).fill(-1);
  examples.forEach(({ objects }, i) => {
    const { x = 1, y = 1 } = prepared[i]?.scale ?? {};
    objects.forEach((object, k) => {
      requireNumber('class', object.class, config.classes);
      if (object.attribute !== undefined) requireNumber('attribute', object.attribute, config.attributes);
      const row = i * g + k;
      boxes.set(object.box.map((side, axis) => side / (axis % 2 === 0 ? x : y)), row * 4); // prettier-ignore
      classes[row] = object.class;
      attributes[row] = object.attribute ?? -1;
    });
  });
  return {
    pictures: { dtype: 'float32', shape, data: pixels },
    sizes: { dtype: 'float32', shape: [b, 2], data: sizes },
    boxes: { dtype: 'float32', shape: [b, g, 4], data: boxes },
    classes: { dtype: 'int32', shape: [b, g], data: classes },
    attributes: { dtype: 'int32', shape: [b, g], data: attributes },
  };
}

function requireNumber(what: string, value: number, count: number): void {
  if (Number.isInteger(value) && value >= 0 && value < count) return;
  throw new DataError(`detectionBatch: expected the index of a ${what} from 0 to ${count - 1}, received ${value}`);
}
