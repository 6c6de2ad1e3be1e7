// Measures whether a training step waits for the disk: batches of regions from a store of 80 GB, read ahead as by the Trainer, during simulated steps.
//
//   node dist/bench/features.js                     a sparse store of 80 GB: the cost of its size
//   node dist/bench/features.js --real 2            also 2 GB of real bytes that were dropped from the page cache (Linux, python3)
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { openFeatureStore } from '../src/node.js';
import { DEFAULT_BUCKETS, padBatch } from '../src/processing/batch.js';
import { STORE_MAGIC, type StoreEntry, storeEnd } from '../src/features/store/layout.js';
import type { RegionFeatureSource } from '../src/features/region-features.js';
import { permutation } from '../src/random/values.js';
import { prefetch } from '../src/lists.js';
import { median } from './report/statistics.js';

const GB = 1e9;
const DIM = 2048;
/** Number of updates read ahead, as by the Trainer. */
const AHEAD = 2;
/** Shorter waits are caused by the event loop itself. */
const NO_WAIT_MS = 2;

const flags = await yargs(hideBin(process.argv))
  .option('size', { number: true, default: 80, describe: 'GB of the store with a hole' })
  .option('real', { number: true, default: 0, describe: 'GB of a second store with real bytes, read from the disk' })
  .option('regions', { number: true, default: 36, describe: 'regions per image, half floats of width 2048' })
  .option('batch', { number: true, default: 32, describe: 'images in a batch' })
  .option('steps', { number: true, default: 60, describe: 'steps of each length' })
  .option('step-ms', {
    array: true,
    number: true,
    default: [0, 100, 500],
    describe: 'lengths of a step; 0: reads alone',
  })
  .option('folder', { string: true, default: tmpdir(), describe: 'folder for the measured stores' })
  .strict()
  .parseAsync();

interface Waits {
  stepMs: number;
  waits: number[];
  imagesPerSecond: number;
  /** Bytes read from the disk, as counted by the system. */
  diskMb: number | null;
}

const imageSize = flags.regions * DIM * 2 + flags.regions * 16;
const folder = mkdtempSync(join(flags.folder, 'features-bench-'));
try {
  await measure('hole', Math.round((flags.size * GB) / imageSize));
  if (flags.real > 0) await measure('real', Math.round((flags.real * GB) / imageSize));
} finally {
  rmSync(folder, { recursive: true });
}

async function measure(kind: 'hole' | 'real', images: number): Promise<void> {
  const path = join(folder, `${kind}.vbf`);
  await writeStore(path, images, kind);
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const source = await openFeatureStore(path);
  const gb = ((images * imageSize) / GB).toFixed(1);
  console.log(
    `${kind === 'hole' ? 'a sparse store' : 'a store of real bytes'}: ${gb} GB, ${images} images of ` +
      `${flags.regions} x ${DIM} half floats; opened in ${(performance.now() - started).toFixed(0)} ms, index ${mb(process.memoryUsage().rss - before)}`,
  );
  console.log('| step | waited, median | worst | steps that waited | images / s | read | from the disk |');
  console.log('|---|---|---|---|---|---|---|');
  for (const stepMs of flags.stepMs) {
    if (kind === 'real') dropFromCache(path);
    print(await run(source, images, stepMs));
  }
  console.log(`resident memory at most ${mb(process.resourceUsage().maxRSS * 1024)}\n`);
  await source.close();
}

/** Steps over random images; each awaits its batch, then lasts `stepMs` with the event loop free, as a compiled step does. */
async function run(source: RegionFeatureSource, images: number, stepMs: number): Promise<Waits> {
  const order = permutation(images, stepMs, 0);
  const batches = Array.from({ length: flags.steps }, (_, step) =>
    Array.from({ length: flags.batch }, (_, i) => String(order[(step * flags.batch + i) % images])),
  );
  const diskBefore = bytesFromDisk();
  const started = performance.now();
  const waits: number[] = [];
  const text = { ids: [101, 102], typeIds: [0, 0] };
  const read = async (ids: readonly string[]): Promise<object> => {
    const regions = await Promise.all(ids.map((id) => source.read(id)));
    return padBatch(
      regions.map((one) => ({ text, regions: [one] })),
      { buckets: DEFAULT_BUCKETS, padId: 0 },
    );
  };
  let from = performance.now();
  for await (const batch of prefetch(batches, AHEAD, read)) {
    if (Object.keys(batch).length === 0) throw new Error('an empty batch');
    waits.push(performance.now() - from);
    if (stepMs > 0) await sleep(stepMs);
    from = performance.now();
  }
  const seconds = (performance.now() - started) / 1000;
  const diskAfter = bytesFromDisk();
  return {
    stepMs,
    waits,
    imagesPerSecond: (flags.steps * flags.batch) / seconds,
    diskMb: diskBefore === null || diskAfter === null ? null : (diskAfter - diskBefore) / 1e6,
  };
}

function print({ stepMs, waits, imagesPerSecond, diskMb }: Waits): void {
  const later = waits.slice(1); // the first batch of a run has no computation to overlap with
  const waited = later.filter((wait) => wait > NO_WAIT_MS).length;
  const cells = [
    stepMs === 0 ? 'none' : `${stepMs} ms`,
    `${median(later).toFixed(2)} ms`,
    `${Math.max(...later).toFixed(1)} ms`,
    `${waited} of ${later.length}`,
    imagesPerSecond.toFixed(0),
    `${((imagesPerSecond * imageSize) / 1e6).toFixed(0)} MB/s`,
    diskMb === null ? 'unknown' : `${diskMb.toFixed(0)} MB`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** A store in the package's own layout: real random bytes, or zeros that occupy no disk space. */
async function writeStore(path: string, images: number, kind: 'hole' | 'real'): Promise<void> {
  const file = await open(path, 'w');
  try {
    const image = Buffer.alloc(imageSize);
    const entries: StoreEntry[] = [];
    await file.write(STORE_MAGIC, 0, STORE_MAGIC.byteLength, 0);
    let checksum = crc32(image);
    for (let i = 0; i < images; i++) {
      const offset = STORE_MAGIC.byteLength + i * imageSize;
      if (kind === 'real') checksum = await writeImage(file, image, offset);
      entries.push([String(i), offset, flags.regions, 640, 480, 1, checksum]);
    }
    const end = STORE_MAGIC.byteLength + images * imageSize;
    const bytes = storeEnd({ dim: DIM, dtype: 'float16', images: entries }, end);
    await file.write(bytes, 0, bytes.byteLength, end);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeImage(file: FileHandle, bytes: Buffer, offset: number): Promise<number> {
  randomFillSync(bytes);
  await file.write(bytes, 0, bytes.byteLength, offset);
  return crc32(bytes);
}

/** Evicts the file from the page cache, so that the next read goes to the disk. */
function dropFromCache(path: string): void {
  const script = 'import os,sys; f=os.open(sys.argv[1],os.O_RDONLY); os.posix_fadvise(f,0,0,os.POSIX_FADV_DONTNEED)';
  if (spawnSync('python3', ['-c', script, path]).status !== 0)
    console.log('(python3 could not drop the file from memory: what follows may come from there)');
}

/** Bytes that this process had fetched from storage; null where the system does not count them. */
function bytesFromDisk(): number | null {
  const file = '/proc/self/io';
  if (!existsSync(file)) return null;
  const found = /^read_bytes: (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
  return found === undefined ? null : Number(found);
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}
