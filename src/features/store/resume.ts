// Writes a store of region features over one or several runs: images go to a temporary file, with a journal of the complete ones.
import { crc32 } from 'node:zlib';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, makeFolder } from '#platform';
import { chunk } from '../../lists.js';
import { DataError, withFileName } from '../../errors.js';
import { requireFilePath } from '../../platform/files.js';
import { describeHolder, tryLock } from '../../platform/lock-file.js';
import { type JournalEntry, journalLine, readJournal, type StoreTraits, writeJournal } from './journal.js';
import type { DividedList } from './divided-list.js';
import { imageByteLength, STORE_MAGIC, storeEnd, encodeImage, type StoreEntry, type StoreIndex } from './layout.js';
import { type RegionFeatures } from '../region-features.js';

/** Images of an earlier run that are checked at once. */
const CHECKED_AT_ONCE = 8;

/** The images of a run. */
export interface StoreImages {
  /** Whether an image of an earlier run belongs to this one, and was made from what this one would make it from. */
  isCurrent(id: string, madeFrom: string | undefined): Promise<boolean>;
  /** Of a part: the images that are divided. */
  list?: DividedList | undefined;
}

/** Adds images to a store. */
export interface StoreWriter {
  /** Ids that are already in it. */
  readonly done: ReadonlySet<string>;
  /** Number of images of earlier runs that were removed, since they are not current. */
  readonly removed: number;
  /**
   * @param madeFrom what a later run compares, such as a digest of the picture.
   * @throws DataError when a value does not fit a half float.
   */
  add(id: string, regions: RegionFeatures, madeFrom?: string): Promise<void>;
  /** Writes the index and renames the store to its final name. */
  finish(): Promise<void>;
  /** Closes the store for a later run to continue. Harmless after `finish`. */
  close(): Promise<void>;
}

/**
 * Begins a store, or continues what `<path>.part` and its journal hold: complete images that are current are kept, other bytes are removed.
 * @throws DataError when the store is finished, was started with other traits, or is being written by another process.
 */
export async function resumeStore(path: string, traits: StoreTraits, images: StoreImages): Promise<StoreWriter> {
  await makeFolder(dirname(path));
  await requireFilePath(path);
  const release = await lockStore(path);
  const [part, journal] = [`${path}.part`, `${path}.part.jsonl`];
  let [file, log]: (FileHandle | null)[] = [null, null];
  try {
    if (await exists(path)) throw new DataError(`${path}: already exists; remove it to write it again`);
    const entries = await readJournal(journal, traits, part);
    file = await open(part, (await exists(part)) ? 'r+' : 'w+');
    const whole = await wholeImages(file, entries, traits);
    const kept = await moveTogether(file, await currentImages(whole, images), traits);
    const { dim, dtype, columns, detector, shard } = traits;
    const index: StoreIndex = {
      dim,
      dtype,
      images: kept.map(({ entry }) => entry),
      columns,
      detector,
      shard,
      list: images.list,
    };
    const offset = endOf(index.images, traits);
    await file.truncate(offset);
    await writeAt(file, STORE_MAGIC, 0);
    await writeJournal(journal, traits, kept);
    log = await open(journal, 'a');
    const removed = whole.length - kept.length;
    return createWriter({ path, part, journal, file, log, index, offset, removed, release });
  } catch (error) {
    await file?.close();
    await log?.close();
    await release();
    throw error;
  }
}

/** Ensures that one process at a time writes a store. */
async function lockStore(path: string): Promise<() => Promise<void>> {
  const attempt = await tryLock(`${path}.lock`).catch((error: NodeJS.ErrnoException) => {
    throw error.code === undefined ? error : Object.assign(error, { path }); // the lock is no file of the user's
  });
  if ('release' in attempt) return attempt.release;
  throw new DataError(
    `${path}: ${describeHolder(attempt.holder)} is writing it; wait for it, or stop it and start again to continue its work`,
  );
}

interface OpenParts {
  path: string;
  part: string;
  journal: string;
  file: FileHandle;
  log: FileHandle;
  index: StoreIndex;
  offset: number;
  removed: number;
  /** Releases the lock. */
  release(): Promise<void>;
}

function createWriter({ path, part, journal, file, log, index, removed, release, ...opened }: OpenParts): StoreWriter {
  const done = new Set(index.images.map(([id]) => id));
  let { offset } = opened;
  let isOpen = true;
  const closeFiles = async (): Promise<void> => {
    isOpen = false;
    await file.close();
    await log.close();
  };
  return {
    done,
    removed,
    add: async (id, regions, madeFrom) => {
      const [bytes, entry] = encodeImage(id, regions, { ...index, offset, name: path });
      await named(part, writeAt(file, bytes, offset));
      await named(journal, log.appendFile(journalLine({ entry, madeFrom })));
      offset += bytes.byteLength;
      index.images.push(entry);
      done.add(id);
    },
    finish: async () => {
      await named(part, writeAt(file, storeEnd(index, offset), offset));
      await named(part, file.sync());
      await closeFiles();
      try {
        await rename(part, path);
        await rm(journal);
      } finally {
        await release();
      }
    },
    close: async () => {
      if (!isOpen) return;
      await closeFiles().finally(release);
    },
  };
}

/** The entries whose bytes are in the file, up to the first incomplete one. */
async function wholeImages(
  file: FileHandle,
  entries: readonly JournalEntry[],
  traits: StoreTraits,
): Promise<JournalEntry[]> {
  const whole: JournalEntry[] = [];
  let offset = STORE_MAGIC.byteLength;
  for (const image of entries) {
    const { entry } = image;
    const [, at, , , , , checksum] = entry;
    const bytes = new Uint8Array(imageByteLength(entry, traits));
    const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, offset);
    if (at !== offset || bytesRead < bytes.byteLength || crc32(bytes) !== checksum) break;
    whole.push(image);
    offset += bytes.byteLength;
  }
  return whole;
}

async function currentImages(images: readonly JournalEntry[], { isCurrent }: StoreImages): Promise<JournalEntry[]> {
  const current: JournalEntry[] = [];
  for (const some of chunk(images, CHECKED_AT_ONCE)) {
    const checked = await Promise.all(some.map(({ entry: [id], madeFrom }) => isCurrent(id, madeFrom)));
    current.push(...some.filter((_, i) => checked[i]));
  }
  return current;
}

/**
 * Moves images to the front of the file, over the bytes of those left out, and gives their new entries. If the process is killed meanwhile, the
 * checksums of the old journal end at the first image that has moved.
 */
async function moveTogether(
  file: FileHandle,
  images: readonly JournalEntry[],
  traits: StoreTraits,
): Promise<JournalEntry[]> {
  let offset = STORE_MAGIC.byteLength;
  const moved: JournalEntry[] = [];
  for (const { entry, madeFrom } of images) {
    const [id, from, ...rest] = entry;
    const bytes = new Uint8Array(imageByteLength(entry, traits));
    if (from !== offset) {
      await file.read(bytes, 0, bytes.byteLength, from);
      await writeAt(file, bytes, offset);
    }
    moved.push({ entry: [id, offset, ...rest], madeFrom });
    offset += bytes.byteLength;
  }
  return moved;
}

function endOf(entries: readonly StoreEntry[], traits: StoreTraits): number {
  return entries.reduce((offset, entry) => offset + imageByteLength(entry, traits), STORE_MAGIC.byteLength);
}

/** The result of a call on an open file; its errors name the file. */
async function named<T>(path: string, call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    throw withFileName(error, path);
  });
}

async function writeAt(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, offset + done);
    done += bytesWritten;
  }
}
