// Region features in one `.safetensors` or torch.save file: a tensor for each image, its boxes and size beside it.
import { openSource } from '#platform';
import { openTensorFile } from '../checkpoint/open.js';
import type { StoredTensor } from '../checkpoint/tensor-file.js';
import { DataError } from '../errors.js';
import { indexedSource } from './indexed-source.js';
import { MAX_REGIONS_IN_FILE, openedWith, type RegionFeatureSource } from './region-features.js';

const BOXES = '.boxes';
const SIZE = '.size';

/**
 * Opens a file of `<image id>` `[regions, d]` of any float dtype, with `<image id>.boxes` `[regions, 4]` and `<image id>.size` `[2]`
 * (width, height) where they are known: a `.safetensors`, or a dict of tensors that torch.save wrote.
 * @throws DataError for tensors of another shape; CheckpointError when the file is damaged.
 */
export async function openTensorFileFeatures(path: string): Promise<RegionFeatureSource> {
  return openedWith(await openTensorFile(await openSource(path)), async (file) => {
    const features = [...file.tensors.values()].filter(({ name }) => !name.endsWith(BOXES) && !name.endsWith(SIZE));
    const dim = features[0]?.shape[1] ?? 0;
    for (const { name, shape } of features) {
      const [count = 0] = shape;
      if (shape.length === 2 && count > 0 && count <= MAX_REGIONS_IN_FILE && shape[1] === dim) continue;
      throw new DataError(`${path}: expected ${name} as [regions, ${dim || 'd'}], found [${shape.join(', ')}]`);
    }
    const beside = async (name: string, length: number): Promise<Float32Array | null> => {
      if (!file.tensors.has(name)) return null;
      const values = await file.readFloat32(name);
      if (values.length === length) return values;
      throw new DataError(`${path}: expected ${length} values in ${name}, found ${values.length}`);
    };
    return indexedSource({
      name: path,
      dim,
      ids: features.map(({ name }) => name),
      countOf: (row) => features[row]?.shape[0],
      read: async (row) => {
        const { name, shape } = features[row] as StoredTensor;
        const [count = 0] = shape;
        const [boxes, size] = [await beside(`${name}${BOXES}`, count * 4), await beside(`${name}${SIZE}`, 2)];
        return {
          features: await file.readFloat32(name),
          count,
          dim,
          ...(boxes === null ? {} : { boxes }),
          ...(size === null ? {} : { imageWidth: size[0] as number, imageHeight: size[1] as number }),
        };
      },
      close: () => file.close(),
    });
  });
}
