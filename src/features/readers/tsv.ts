// Region features in tab-separated lines with base64 arrays, as bottom-up attention and LXMERT distribute them: indexed once, read by line.
import { openSource } from '#platform';
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { widthFoundSource } from '../indexed-source.js';
import { openedWith, type RegionFeatures, type RegionFeatureSource } from '../region-features.js';
import { floats, latin1, wholeNumber } from './tsv-cells.js';
import { tsvIndex, type TsvLine } from './tsv-index.js';

/**
 * Opens a `.tsv` of region features. Its lines are found in one pass, stored in `<path>.index.json` if the folder is
 * writable; reading an image then reads only its line.
 * @throws DataError when a line has other columns, a bad number, or the last line is cut short.
 * @see https://github.com/peteanderson80/bottom-up-attention#using-the-pretrained-features
 */
export async function openTsvFeatures(path: string): Promise<RegionFeatureSource> {
  return openedWith(await openSource(path), async (source) => {
    const { columns, lines } = await tsvIndex(source, path);
    return widthFoundSource({
      name: path,
      ids: lines.map(({ id }) => id),
      countOf: (row) => lines[row]?.count,
      read: (row, dim) => readLine(source, lines[row] as TsvLine, columns, dim),
      close: () => source.close(),
    });
  });
}

async function readLine(
  source: ByteSource,
  line: TsvLine,
  columns: readonly string[],
  dim?: number,
): Promise<RegionFeatures> {
  const where = `${source.name}, image ${line.id}`;
  const cells = latin1(await source.read(line.offset, line.length)).split('\t');
  if (cells.length !== columns.length) {
    throw new DataError(
      `${where}: expected ${columns.length} columns, found ${cells.length}; the file is cut short or damaged`,
    );
  }
  if (line.count === 0) throw new DataError(`${where}: holds no regions`);
  const cell = (...names: string[]): string => cells[columns.findIndex((name) => names.includes(name))] ?? '';
  const features = floats(cell('features'), line.count * (dim ?? 0), 'features', where);
  const width = dim ?? features.length / line.count;
  if (!Number.isInteger(width) || width === 0) {
    throw new DataError(`${where}: ${features.length} feature values are not a multiple of its ${line.count} regions`);
  }
  return {
    features,
    count: line.count,
    dim: width,
    boxes: floats(cell('boxes'), line.count * 4, 'boxes', where),
    imageWidth: wholeNumber(cell('img_w', 'image_w'), 'image width', where),
    imageHeight: wholeNumber(cell('img_h', 'image_h'), 'image height', where),
  };
}
