// Small files of region features of every format to damage, and a reader of their whole contents.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRegionFeatures } from '../../../src/features/open.js';
import { packFeatures } from '../../../src/features/store/pack.js';
import { memorySource } from '../../../src/features/wrappers.js';
import { encodePng } from '../../../src/pictures/png.js';
import { type Attempt, MTIME, type Sample } from './fuzz.js';
import { npy, npz } from '../files/numpy-files.js';
import { rampRegions, regionsWith } from '../files/regions.js';
import { temporaryFolder } from '../files/temporary-folder.js';

const FIXTURES = 'test/fixtures/features';
/** Images that are read of one file. */
const MAX_IMAGES = 70;

/** Small files of each format. */
export async function featureSamples(): Promise<Record<string, readonly Sample[]>> {
  const fixture = (name: string): Uint8Array => readFileSync(join(FIXTURES, name));
  const boxed = regionsWith([1, 2, 3, 4, 5, 6], 3, {
    boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
    imageWidth: 5,
    imageHeight: 4,
  });
  const folder = temporaryFolder();
  const pack = async (half: boolean): Promise<Sample> => {
    const path = join(folder, 'x.vbf');
    await packFeatures(memorySource('m', [['1', boxed], ['2', boxed]]), path, { half }); // prettier-ignore
    return { path: 'x.vbf', bytes: readFileSync(path) };
  };
  const stores = [await pack(false), await pack(true)];
  const ramp = npy(rampRegions(1, 3, 4), [3, 4]);
  const text = (values: Float32Array = new Float32Array(0)): string =>
    Buffer.from(values.buffer, 0, values.byteLength).toString('base64');
  const line = (id: string): string => [id, 5, 4, 2, text(boxed.boxes), text(boxed.features)].join('\t');
  const tsv = Buffer.from(`${line('1')}\n${line('2')}\n`);
  const tsvIndex = JSON.stringify({
    size: tsv.length,
    mtimeMs: MTIME.getTime(),
    columns: ['image_id', 'image_w', 'image_h', 'num_boxes', 'boxes', 'features'],
    lines: [0, 1].map((i) => ({
      id: String(i + 1),
      offset: (i * tsv.length) / 2,
      length: tsv.length / 2 - 1,
      count: 2,
    })),
  });
  const arrays = { 'x.npy': ramp, 'bbox.npy': npy(rampRegions(0, 3, 4), [3, 4]), 'num_bbox.npy': npy([2], []) };
  const picture = encodePng({ width: 8, height: 8, rgb: new Uint8Array(192).map((_, i) => i) });
  const hdf5 = ['padded.h5', 'groups.h5', 'stated.h5', 'stated-groups.h5', 'grid-first.h5'];
  const lmdb = ['mmf.lmdb/data.mdb', 'volta.mdb', 'torch.mdb', 'stated.mdb', 'grid-first.mdb'];
  return {
    tsv: [
      { path: 'x.tsv', bytes: tsv },
      { path: 'x.tsv.index.json', bytes: Buffer.from(tsvIndex), beside: { 'x.tsv': tsv } },
    ],
    npy: [ramp, npy(rampRegions(1, 12, 8), [3, 4, 8]), fixture('lists.npy'), npy(new Uint16Array(8), [2, 4], '<f2')].map((bytes) => ({ path: 'f/1.npy', bytes })), // prettier-ignore
    info: [{ path: 'f/1_info.npy', bytes: fixture('lists.npy'), beside: { 'f/1.npy': ramp } }],
    npz: [false, true].map((deflate) => ({ path: 'f/1.npz', bytes: npz(arrays, deflate) })),
    pt: [
      ...[0, 1].map((image) => ({ path: 'f/1.pt', bytes: fixture(`stated/${image}.pt`) })),
      ...['grid-first.pt', 'grid-last.pt'].map((name) => ({ path: 'x.pt', bytes: fixture(name) })),
    ],
    hdf5: [
      ...hdf5.map((name) => ({ path: name, bytes: fixture(name) })),
      { path: 'train36.hdf5', bytes: fixture('train36.hdf5'), beside: { 'train36_imgid2idx.pkl': fixture('train36_imgid2idx.pkl') } }, // prettier-ignore
      { path: 'train36_imgid2idx.pkl', bytes: fixture('train36_imgid2idx.pkl'), beside: { 'train36.hdf5': fixture('train36.hdf5') } }, // prettier-ignore
    ],
    lmdb: lmdb.map((name) => ({ path: name.replace('mmf.lmdb/', 'x.lmdb/'), bytes: fixture(name) })),
    arrow: ['table.arrow', 'stated.arrow', 'grid-first.arrow'].map((name) => ({ path: name, bytes: fixture(name) })),
    store: stores,
    pictures: [
      { path: 'f/1.png', bytes: picture },
      {
        path: 'f/boxes.json',
        bytes: Buffer.from('{"1": [[0, 0, 4, 4], [1, 2, 8, 8]]}'),
        beside: { 'f/1.png': picture },
      },
    ],
  };
}

/** Reads all images of a file. @throws Error when what it gives contradicts itself. */
export async function readFeatures(path: string, folder: string, attempt: Attempt): Promise<void> {
  const opened = path.replace(/\/.*$|\.index\.json$/, ''); // of an index its file, of a file in a folder the folder
  const source = await attempt(() => openRegionFeatures(join(folder, opened)));
  if (source === null) return;
  try {
    for (const id of [...source.ids()].slice(0, MAX_IMAGES)) {
      const regions = await attempt(() => source.read(id));
      source.countOf?.(id);
      if (regions !== null && regions.features.length !== regions.count * regions.dim)
        throw new Error(`image ${id}: ${regions.features.length} values for ${regions.count} x ${regions.dim}`);
      if (regions?.boxes !== undefined && regions.boxes.length !== 4 * regions.count)
        throw new Error(`image ${id}: ${regions.boxes.length} box values for ${regions.count} regions`);
    }
  } finally {
    await source.close();
  }
}
