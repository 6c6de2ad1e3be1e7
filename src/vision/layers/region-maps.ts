// Feature maps of several images and scales as one table of pixels, so that regions of all of them are cut out by one gather.
import * as tf from '@tensorflow/tfjs';

/** Pixels of maps, map after map, image after image. */
export interface PixelTable {
  /** `[pixels, c]` */
  pixels: tf.Tensor2D;
  /** Height and width of each map, and the row of its first pixel of image 0. */
  maps: readonly { height: number; width: number; first: number }[];
}

/** Regions to be cut out: boxes, and where their pixels lie. */
export interface RegionPlaces {
  /** `[r, 4]` float32: x1, y1, x2, y2 in pixels of the picture. */
  boxes: tf.Tensor2D;
  /** `[r]` float32: size of the map over that of the picture. */
  scales: tf.Tensor1D;
  /** `[r]` float32: rows of the map. */
  heights: tf.Tensor1D;
  /** `[r]` float32: columns of the map. */
  widths: tf.Tensor1D;
  /** `[r]` int32: row of the map's first pixel in the table. */
  firsts: tf.Tensor1D;
}

/** Puts maps `[b, h, w, c]` of one width under one another. */
export function pixelTable(maps: readonly tf.Tensor4D[]): PixelTable {
  const c = maps[0]?.shape[3] as number;
  let first = 0;
  const places = maps.map(({ shape: [b, height, width] }) => {
    const place = { height, width, first };
    first += b * height * width;
    return place;
  });
  return { pixels: tf.concat(maps.map((map) => tf.reshape(map, [-1, c])) as tf.Tensor2D[], 0), maps: places };
}

/**
 * Where each region's pixels lie.
 * @param levels `[r]` int32: the map of each region. @param images `[r]` int32: its image in the batch.
 * @param scales of the maps, as many as the table has.
 */
export function regionPlaces(
  boxes: tf.Tensor2D,
  { maps }: PixelTable,
  { levels, images, scales }: { levels: tf.Tensor1D; images: tf.Tensor1D; scales: readonly number[] },
): RegionPlaces {
  const pick = (values: number[], dtype: 'float32' | 'int32'): tf.Tensor1D =>
    tf.gather(tf.tensor1d(values, dtype), levels);
  const areas = maps.map(({ height, width }) => height * width);
  const starts = maps.map(({ first }) => first);
  return {
    boxes,
    scales: pick([...scales], 'float32'),
    heights: pick(maps.map(({ height }) => height), 'float32'), // prettier-ignore
    widths: pick(maps.map(({ width }) => width), 'float32'), // prettier-ignore
    firsts: tf.add(pick(starts, 'int32'), tf.mul(images, pick(areas, 'int32'))),
  };
}

/** Some of the regions. */
export function someRegions(places: RegionPlaces, rows: tf.Tensor1D): RegionPlaces {
  const { boxes, scales, heights, widths, firsts } = places;
  const pick = <T extends tf.Tensor>(values: T): T => tf.gather(values, rows) as T;
  return {
    boxes: pick(boxes),
    scales: pick(scales),
    heights: pick(heights),
    widths: pick(widths),
    firsts: pick(firsts),
  };
}
