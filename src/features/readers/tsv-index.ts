// The location of each image in a `.tsv` of region features: found in one pass, and stored in a file next to it.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { exists, readText, writeTextAtomic } from '#platform';
import type { ByteSource } from '../../byte-source.js';
import { DataError } from '../../errors.js';
import { MAX_REGIONS_IN_FILE } from '../region-features.js';
import { asUtf8, latin1, wholeNumber } from './tsv-cells.js';

/** Columns of LXMERT's files (airsplay/lxmert `utils.py`), of the original tool's and of those with class probabilities. */
const LAYOUTS: readonly (readonly string[])[] = [
  [
    'img_id',
    'img_h',
    'img_w',
    'objects_id',
    'objects_conf',
    'attrs_id',
    'attrs_conf',
    'num_boxes',
    'boxes',
    'features',
  ],
  ['image_id', 'image_w', 'image_h', 'num_boxes', 'boxes', 'features'],
  ['image_id', 'image_w', 'image_h', 'num_boxes', 'boxes', 'features', 'cls_prob'],
];
const SCAN_BYTES = 8 << 20;
/** Enough for the columns before the boxes, even with 1000 regions. */
const HEAD_BYTES = 64 << 10;
const MAX_LINE_BYTES = 256 << 20;

const natural = z.int().nonnegative();

/** The content of the index file. Size and time are those of its `.tsv`. */
const schema = z.object({
  size: natural,
  mtimeMs: z.number(),
  columns: z.array(z.string()),
  lines: z.array(
    z.object({ id: z.string(), offset: natural, length: natural, count: natural.max(MAX_REGIONS_IN_FILE) }),
  ),
});

type TsvIndex = z.output<typeof schema>;

/** The location of an image's line. */
export type TsvLine = TsvIndex['lines'][number];

/**
 * The columns and lines of a `.tsv`: from `<path>.index.json` if the file has not changed, else found again and stored there if the folder
 * is writable.
 * @throws DataError when a line has other columns or a bad number of regions.
 */
export async function tsvIndex(source: ByteSource, path: string): Promise<Pick<TsvIndex, 'columns' | 'lines'>> {
  const indexPath = `${path}.index.json`;
  const { mtimeMs } = await stat(path);
  if (await exists(indexPath)) {
    const known = parseIndex(await readText(indexPath));
    if (known?.size === source.size && known.mtimeMs === mtimeMs) return known;
  }
  const index = { size: source.size, mtimeMs, ...(await scan(source)) };
  // Do not write into a folder marked read-only, even as root, who could: the only cost is another scan.
  const isWritable = ((await stat(dirname(path))).mode & 0o222) !== 0;
  if (isWritable) await writeTextAtomic(indexPath, JSON.stringify(index)).catch(() => undefined);
  return index;
}

/** Null for a damaged index, which is then made again. */
function parseIndex(json: string): TsvIndex | null {
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/** Finds every line and its image id. */
async function scan(source: ByteSource): Promise<Pick<TsvIndex, 'columns' | 'lines'>> {
  let columns: readonly string[] | undefined;
  const lines: TsvLine[] = [];
  for await (const [offset, length] of lineSpans(source)) {
    const cells = latin1(await source.read(offset, Math.min(length, HEAD_BYTES))).split('\t');
    if (columns === undefined) {
      const names = latin1(await source.read(offset, length)).split('\t');
      const header = names.includes('features') && names.includes('num_boxes');
      columns = header ? names : layoutOf(names.length, source.name);
      if (header) continue;
    }
    const id = asUtf8(cells[columns.findIndex((name) => name === 'img_id' || name === 'image_id')] ?? '');
    const where = `${source.name}, line ${lines.length + 1} (image ${id})`;
    const count = wholeNumber(cells[columns.indexOf('num_boxes')], 'num_boxes', where);
    if (count > MAX_REGIONS_IN_FILE)
      throw new DataError(`${where}: ${count} regions in one image; the line is damaged`);
    lines.push({ id, offset, length, count });
  }
  return { columns: [...(columns ?? [])], lines };
}

function layoutOf(width: number, name: string): readonly string[] {
  const layout = LAYOUTS.find(({ length }) => length === width);
  if (layout !== undefined) return layout;
  throw new DataError(
    `${name}: expected lines of ${LAYOUTS.map(({ length }) => length).join(', ')} tab-separated columns, found ${width}; ` +
      'give a .tsv of bottom-up attention or LXMERT',
  );
}

/** Offset and length of each line without its end (LF or CRLF). */
async function* lineSpans(source: ByteSource): AsyncGenerator<[offset: number, length: number]> {
  let start = 0;
  for (let base = 0; base < source.size; base += SCAN_BYTES) {
    const chunk = await source.read(base, Math.min(SCAN_BYTES, source.size - base));
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) {
      const end = base + at;
      const before = at > 0 ? chunk[at - 1] : end > start ? (await source.read(end - 1, 1))[0] : 0;
      const length = end - start - (before === 0x0d ? 1 : 0);
      if (length > 0) yield [start, length];
      start = end + 1;
    }
    if (base + chunk.length - start > MAX_LINE_BYTES) {
      throw new DataError(
        `${source.name}: no line end within ${MAX_LINE_BYTES} bytes of byte ${start}; give a .tsv file`,
      );
    }
  }
  if (start < source.size) yield [start, source.size - start];
}
