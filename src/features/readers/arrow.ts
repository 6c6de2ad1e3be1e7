// Region features in Arrow tables, one row per image, as Hugging Face's `datasets` and vltk store them.
import { openSource } from '#platform';
import { DataError } from '../../errors.js';
import { openArrow } from '../../formats/arrow/table.js';
import { widthFoundSource } from '../indexed-source.js';
import { openedWith, type RegionFeatureSource } from '../region-features.js';
import { ID_NAMES, regionsOfArrays } from '../named-arrays.js';

/**
 * Opens an Arrow file or stream with a column of image ids, and features as lists `[regions, d]`; boxes, image size and number of regions
 * under the usual names. Only the values of one row are read for an image. Boxes are returned as stored: vltk's are not pixels, but
 * shares of the picture's shorter side.
 * @throws DataError when it has no ids or features, and for damaged or compressed files.
 * @see https://github.com/eltoto1219/vltk
 */
export async function openArrowFeatures(path: string, dim?: number): Promise<RegionFeatureSource> {
  return openedWith(await openSource(path), async (source) => {
    const table = await openArrow(source);
    const idColumn = ID_NAMES.find((name) => table.columns.includes(name));
    if (idColumn === undefined) {
      throw new DataError(
        `${path}: expected a column of image ids named ${ID_NAMES.join(', ')}; found ${table.columns.join(', ')}`,
      );
    }
    const ids = await table.ids(idColumn);
    if (ids.length === 0) throw new DataError(`${path}: holds no images`);
    return widthFoundSource(
      {
        name: path,
        ids,
        read: (row, width) => {
          const arrays = { names: table.columns, get: (name: string) => table.numbers(name, row) };
          return regionsOfArrays(arrays, `${path}, image ${ids[row]}`, width);
        },
        close: () => source.close(),
      },
      dim,
    );
  });
}
