// Converts the callers' forms of region features (arrays with a shape, tensors, regions of a feature source) to one.
import { counted } from '../words.js';
import { DataError } from '../errors.js';
import { requireKinds, requireOptions, shown } from '../options.js';
import { type RawTensor, rawTensorProblem } from '../raw-tensor.js';
import type { RegionFeatures } from '../features/region-features.js';

/** A tfjs tensor, or any object with values and shape. */
export interface TensorLike {
  shape: readonly number[];
  data(): Promise<ArrayLike<number>>;
}

/** The regions of one image. */
export type RegionInput = RegionFeatures | RawTensor | TensorLike;

/** Boxes of one image: `[v, 4]` (or `[1, v, 4]`) as x1, y1, x2, y2 in pixels, flat or nested. */
export type BoxInput = ArrayLike<number> | readonly (readonly number[])[];

/** Numbers that a box adds to the features of its region: 2048-wide regions become the 2054 of the Flickr30k model. */
export const BOX_FEATURE_DIM = 6;

/** The values and shape of an array or tensor. */
export async function valuesOf(
  value: RawTensor | TensorLike,
): Promise<{ shape: readonly number[]; data: ArrayLike<number> }> {
  requireKinds('VisualBertProcessor', { 'an object': { tensor: value } });
  const { shape } = value;
  const data = isTensor(value) ? await value.data() : value.data;
  requireKinds('VisualBertProcessor', { 'a list': { shape, data } });
  return { shape, data };
}

function isTensor(value: RawTensor | TensorLike): value is TensorLike {
  return typeof value.data === 'function';
}

/** The picture of regions, for arrays that lack it. */
export interface PictureOfRegions {
  boxes: BoxInput | undefined;
  /** Width and height in pixels. */
  imageSize: readonly [number, number] | undefined;
}

/**
 * One image's regions from any form. @param name of the input in errors
 * @throws DataError when the shape is neither `[v, d]` nor `[1, v, d]`.
 */
export async function regionsOf(
  input: RegionInput,
  name: string,
  { boxes, imageSize }: Partial<PictureOfRegions> = {},
): Promise<RegionFeatures> {
  requireKinds('VisualBertProcessor', { 'an object': { [name]: input } });
  const given = boxes === undefined ? {} : { boxes: flatBoxes(boxes) };
  const size = imageSize === undefined ? {} : { imageWidth: imageSize[0], imageHeight: imageSize[1] };
  if ('features' in input) return requireWhole({ ...input, ...given, ...size }, name);
  const { shape, data } = await valuesOf(requireArray(input, name));
  const [count, dim, ...more] = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  if (count === undefined || dim === undefined || more.length > 0) {
    const batch = shape.length === 3 ? '; for a batch give a list of texts, for several images a list of arrays' : '';
    throw new DataError(
      `${name}: expected the regions of one image as [v, d] or [1, v, d], received [${shape.join(', ')}]${batch}`,
    );
  }
  return requireWhole({ features: Float32Array.from(data), count, dim, ...given, ...size }, name);
}

/** @throws DataError for anything but an array with as many values as its shape */
function requireArray(input: RawTensor | TensorLike, name: string): RawTensor | TensorLike {
  if (isTensor(input)) {
    if ('isDisposed' in input && input.isDisposed === true)
      throw new DataError(`${name}: the tensor was disposed; dispose it after its last use`);
    return input;
  }
  const problem = rawTensorProblem(input);
  if (problem !== null) throw new DataError(`${name}: ${problem}`);
  return input;
}

/** Checks that the arrays of regions match their count and width. @param name of the regions in errors. @throws DataError */
export function requireWhole(regions: RegionFeatures, name: string): RegionFeatures {
  requireOptions(name, regions, 'region features { features, count, dim }');
  const { features, count, dim, boxes } = regions;
  for (const [part, size] of Object.entries({ count, dim }))
    if (!Number.isSafeInteger(size) || size < 0)
      throw new DataError(`${name}: expected ${part} as a whole number of at least 0, received ${shown(size)}`);
  requireLength(`${name}: expected features`, features, [count, dim]);
  if (boxes !== undefined) requireLength(`${name}: expected boxes`, boxes, [count, 4]);
  return regions;
}

function requireLength(expected: string, values: unknown, [rows, width]: readonly [number, number]): void {
  const isArray = Object.prototype.toString.call(values) === '[object Float32Array]'; // of any realm
  const length = isArray ? (values as Float32Array).length : null;
  if (length === rows * width) return;
  const received = length === null ? shown(values) : `one of ${length}`;
  throw new DataError(`${expected} as a Float32Array of ${rows} x ${width} values, received ${received}`);
}

/** The images of a batch `[b, v, d]`, one by one. @throws DataError for another shape */
export async function splitBatch(input: RawTensor | TensorLike): Promise<RawTensor[]> {
  const { shape, data } = await valuesOf(input);
  const [b = 0, v = 0, dim = 0] = shape;
  if (shape.length !== 3)
    throw new DataError(`visualEmbeds: expected one array of a batch as [b, v, d], received [${shape.join(', ')}]`);
  const values = Float32Array.from(data);
  return Array.from({ length: b }, (_, i) => ({
    dtype: 'float32',
    shape: [v, dim],
    data: values.subarray(i * v * dim, (i + 1) * v * dim),
  }));
}

/**
 * Regions in the width that the model projects: unchanged, or with their boxes (x1, y1, x2, y2, width, height as shares of the
 * image) appended when exactly these six are missing, as for the authors' Flickr30k model.
 * @throws DataError naming both widths when neither fits.
 */
export function fitWidth(regions: RegionFeatures, visualEmbeddingDim: number): RegionFeatures {
  const { dim, count, features, boxes, imageWidth, imageHeight } = regions;
  if (dim === visualEmbeddingDim) return regions;
  if (
    dim + BOX_FEATURE_DIM !== visualEmbeddingDim ||
    boxes === undefined ||
    imageWidth === undefined ||
    imageHeight === undefined
  ) {
    const missing =
      dim + BOX_FEATURE_DIM === visualEmbeddingDim ? ' (boxes and the image size would complete them)' : '';
    throw new DataError(
      `features: expected regions ${visualEmbeddingDim} wide (the model's visualEmbeddingDim), received ${dim}${missing}. The authors' checkpoints take ` +
        '2048 (vqa), 1024 (nlvr2), 512 (vcr); use features of the detector that the model was trained with, or a model with ' +
        `visualEmbeddingDim ${dim}`,
    );
  }
  const wide = new Float32Array(count * visualEmbeddingDim);
  for (let i = 0; i < count; i++) {
    wide.set(features.subarray(i * dim, (i + 1) * dim), i * visualEmbeddingDim);
    const [x1, y1, x2, y2] = boxes.subarray(i * 4, i * 4 + 4) as unknown as [number, number, number, number];
    const box = [
      x1 / imageWidth,
      y1 / imageHeight,
      x2 / imageWidth,
      y2 / imageHeight,
      (x2 - x1) / imageWidth,
      (y2 - y1) / imageHeight,
    ];
    wide.set(box, i * visualEmbeddingDim + dim);
  }
  return { ...regions, features: wide, dim: visualEmbeddingDim };
}

function flatBoxes(boxes: BoxInput): Float32Array {
  const values = Array.from(boxes as ArrayLike<number | readonly number[]>).flat(2) as number[];
  if (values.length % 4 !== 0)
    throw new DataError(`boxes: expected x1, y1, x2, y2 for each region, received ${counted(values.length, 'number')}`);
  return Float32Array.from(values);
}
