// Region features in one `.safetensors` file: a tensor for each image, its boxes and size beside it.
import { openSource } from '#platform';
import { openTensorFile } from '../checkpoint/open.js';
import type { StoredTensor } from '../checkpoint/tensor-file.js';
import { DataError } from '../errors.js';
import { imageKey } from './image-key.js';
import { indexIds, MAX_REGIONS_IN_FILE, missingImage, type RegionFeatureSource } from './region-features.js';

const BOXES = '.boxes';
const SIZE = '.size';

/**
 * Opens a `.safetensors` of `<image id>` `[regions, d]` of any float dtype, with `<image id>.boxes` `[regions, 4]` and `<image id>.size`
 * `[2]` (width, height) where they are known.
 * @throws DataError for tensors of another shape; CheckpointError when the file is damaged.
 */
export async function openSafetensorsFeatures(path: string): Promise<RegionFeatureSource> {
  const file = await openTensorFile(await openSource(path));
  try {
    const features = [...file.tensors.values()].filter(({ name }) => !name.endsWith(BOXES) && !name.endsWith(SIZE));
    for (const { name, shape } of features) {
      const [count = 0, dim = 0] = shape;
      if (shape.length === 2 && count > 0 && count <= MAX_REGIONS_IN_FILE && dim === features[0]?.shape[1]) continue;
      throw new DataError(
        `${path}: expected ${name} as [regions, ${features[0]?.shape[1] ?? 'd'}], found [${shape.join(', ')}]`,
      );
    }
    const index = indexIds(
      features.map((tensor) => [tensor.name, tensor] as const),
      imageKey,
      path,
    );
    const tensorOf = (id: string): StoredTensor | undefined => index.get(imageKey(id));
    const [, dim] = features[0]?.shape ?? [];
    if (dim === undefined) throw new DataError(`${path}: holds no images`);
    return {
      name: path,
      dim,
      ids: () => features.map(({ name }) => name),
      has: (id) => tensorOf(id) !== undefined,
      countOf: (id) => tensorOf(id)?.shape[0],
      read: async (id) => {
        const tensor = tensorOf(id);
        if (tensor === undefined) throw missingImage(path, id);
        const beside = async (ending: string, length: number): Promise<Float32Array | null> => {
          const name = `${tensor.name}${ending}`;
          if (!file.tensors.has(name)) return null;
          const values = await file.readFloat32(name);
          if (values.length === length) return values;
          throw new DataError(`${path}: expected ${length} values in ${name}, found ${values.length}`);
        };
        const [count = 0] = tensor.shape;
        const [boxes, size] = [await beside(BOXES, count * 4), await beside(SIZE, 2)];
        return {
          features: await file.readFloat32(tensor.name),
          count,
          dim,
          ...(boxes === null ? {} : { boxes }),
          ...(size === null ? {} : { imageWidth: size[0] as number, imageHeight: size[1] as number }),
        };
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
