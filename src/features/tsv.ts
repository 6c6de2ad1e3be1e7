// Region features in tab-separated lines with base64 arrays, as bottom-up attention and LXMERT distribute them: indexed once, read by line.
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, openSource, readText, writeTextAtomic } from '#platform';
import { decodeBase64 } from '../formats/base64.js';
import type { ByteSource } from '../byte-source.js';
import { DataError } from '../errors.js';
import { widthFoundSource } from './indexed-source.js';
import { MAX_REGIONS_IN_FILE, openedWith, type RegionFeatures, type RegionFeatureSource } from './region-features.js';

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
/** The columns before the boxes of 1000 regions fit in here. */
const HEAD_BYTES = 64 << 10;
const MAX_LINE_BYTES = 256 << 20;

/** Where a line stands: what the index file keeps. */
interface Line {
  id: string;
  offset: number;
  length: number;
  count: number;
}

interface TsvIndex {
  size: number;
  mtimeMs: number;
  columns: string[];
  lines: Line[];
}

/**
 * Opens a `.tsv` of region features. Its lines are found in one pass, which is kept in `<path>.index.json` where the folder can be
 * written; reading an image then reads its line alone.
 * @throws DataError when a line has other columns, a bad number, or the last line is cut short.
 * @see https://github.com/peteanderson80/bottom-up-attention#using-the-pretrained-features
 */
export async function openTsvFeatures(path: string): Promise<RegionFeatureSource> {
  return openedWith(await openSource(path), async (source) => {
    const { columns, lines } = await loadIndex(source, path);
    return widthFoundSource({
      name: path,
      ids: lines.map(({ id }) => id),
      countOf: (row) => lines[row]?.count,
      read: (row, dim) => readLine(source, lines[row] as Line, columns, dim),
      close: () => source.close(),
    });
  });
}

async function loadIndex(source: ByteSource, path: string): Promise<TsvIndex> {
  const indexPath = `${path}.index.json`;
  const { mtimeMs } = await stat(path);
  if (await exists(indexPath)) {
    const known = parseIndex(await readText(indexPath));
    if (known?.size === source.size && known.mtimeMs === mtimeMs) return known;
  }
  const index = { size: source.size, mtimeMs, ...(await scan(source)) };
  // A folder marked read-only stays as it is, also for users whom the mark does not stop (root): it costs only scanning again.
  const isWritable = ((await stat(dirname(path))).mode & 0o222) !== 0;
  if (isWritable) await writeTextAtomic(indexPath, JSON.stringify(index)).catch(() => undefined);
  return index;
}

/** Null for a damaged one: it is made again. */
function parseIndex(json: string): TsvIndex | null {
  try {
    return JSON.parse(json) as TsvIndex | null;
  } catch {
    return null;
  }
}

/** Finds every line and its image id. */
async function scan(source: ByteSource): Promise<Pick<TsvIndex, 'columns' | 'lines'>> {
  let columns: readonly string[] | undefined;
  const lines: Line[] = [];
  for await (const [offset, length] of lineSpans(source)) {
    const cells = text(await source.read(offset, Math.min(length, HEAD_BYTES))).split('\t');
    if (columns === undefined) {
      const names = text(await source.read(offset, length)).split('\t');
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
      'is it a .tsv of bottom-up attention or LXMERT?',
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
        `${source.name}: no line end within ${MAX_LINE_BYTES} bytes of byte ${start}; is it a .tsv file?`,
      );
    }
  }
  if (start < source.size) yield [start, source.size - start];
}

async function readLine(
  source: ByteSource,
  line: Line,
  columns: readonly string[],
  dim?: number,
): Promise<RegionFeatures> {
  const where = `${source.name}, image ${line.id}`;
  const cells = text(await source.read(line.offset, line.length)).split('\t');
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
    throw new DataError(`${where}: ${features.length} feature values are no multiple of its ${line.count} regions`);
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

/** A base64 cell as little-endian float32. `expected` 0: any number of values. */
function floats(cell: string, expected: number, what: string, where: string): Float32Array {
  if (/^b['"]/.test(cell)) {
    throw new DataError(
      `${where}: its ${what} begin with ${cell.slice(0, 2)}, as Python writes bytes and not base64; write base64.b64encode(...).decode()`,
    );
  }
  const bytes = decodeBase64(cell, `${where}, ${what}`);
  if (bytes.byteLength % 4 !== 0 || (expected > 0 && bytes.byteLength !== expected * 4)) {
    const wanted = expected > 0 ? `${expected} float32 values` : 'float32 values';
    throw new DataError(
      `${where}: expected ${wanted} of ${what}, found ${bytes.byteLength} bytes; the file is cut short or of another width`,
    );
  }
  const values = new Float32Array(bytes.byteLength / 4);
  new Uint8Array(values.buffer).set(bytes);
  return values;
}

function wholeNumber(cell: string | undefined, what: string, where: string): number {
  if (cell !== undefined && /^\d{1,9}$/.test(cell)) return Number(cell);
  throw new DataError(`${where}: expected a whole number as ${what}, found ${JSON.stringify(cell?.slice(0, 20))}`);
}

/** One character a byte: base64 is not worth more. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** What `text` gave, as Python and this package write ids. */
function asUtf8(cell: string): string {
  return Buffer.from(cell, 'latin1').toString('utf8');
}
