// Region features in one `.safetensors` or torch.save file: a tensor per image, with tensors for its boxes, size and number of regions.
import { openSource } from '#platform';
import { openTensorFile } from '../../checkpoint/open.js';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { DataError } from '../../errors.js';
import type { NumericArray } from '../../formats/npy.js';
import { sizeOf } from '../../shapes.js';
import { widthFoundSource } from '../indexed-source.js';
import { COUNT_NAMES, regionsOfArrays } from '../named-arrays.js';
import { openedWith, type RegionFeatures, type RegionFeatureSource } from '../region-features.js';

/** Width and height. */
const SIZE = 'size';
/** Suffixes of tensors that describe an image, `<image id>.<name>`; any other tensor is an image. */
const SUFFIXES = ['boxes', SIZE, ...COUNT_NAMES];

/**
 * Opens a file of `<image id>` `[regions, d]` or a grid, of any float dtype, with `<image id>.boxes` `[regions, 4]`, `<image id>.size` `[2]`
 * (width, height) if known, and `<image id>.num_boxes` (one number) if padded: a `.safetensors`, or a dict of tensors that torch.save
 * wrote.
 * @throws DataError for tensors of another shape; CheckpointError when the file is damaged.
 */
export async function openTensorFileFeatures(path: string, dim?: number): Promise<RegionFeatureSource> {
  return openedWith(await openTensorFile(await openSource(path)), async (file) => {
    const ids = [...file.tensors.keys()].filter((name) => !SUFFIXES.some((suffix) => name.endsWith(`.${suffix}`)));
    const read = (row: number, width?: number): Promise<RegionFeatures> =>
      readImage(file, ids[row] as string, `${path}, image ${ids[row]}`, width);
    const countOf = (row: number, width: number): number | undefined => {
      const id = ids[row] as string;
      const isPadded = COUNT_NAMES.some((name) => file.tensors.has(`${id}.${name}`));
      return isPadded ? undefined : sizeOf(file.tensors.get(id)?.shape ?? []) / width;
    };
    return widthFoundSource({ name: path, ids, countOf, read, close: () => file.close() }, dim);
  });
}

async function readImage(file: TensorFile, id: string, where: string, dim?: number): Promise<RegionFeatures> {
  const read = async (name: string): Promise<NumericArray> => ({
    shape: file.tensors.get(name)?.shape ?? [],
    data: await file.readFloat32(name),
  });
  const names = ['features', ...SUFFIXES.filter((suffix) => file.tensors.has(`${id}.${suffix}`))];
  const get = (name: string): Promise<NumericArray> => read(name === 'features' ? id : `${id}.${name}`);
  const regions = await regionsOfArrays({ names, get }, where, dim);
  if (!names.includes(SIZE)) return regions;
  const { data } = await get(SIZE);
  const [imageWidth, imageHeight] = data;
  if (data.length !== 2 || imageWidth === undefined || imageHeight === undefined)
    throw new DataError(`${where}: expected its size as [width, height], found ${data.length} values`);
  return { ...regions, imageWidth, imageHeight };
}
