// Writes a store of region features over one or several runs: images go to a temporary file, with a journal of the complete ones.
import { crc32 } from 'node:zlib';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, makeFolder, readText, writeTextAtomic } from '#platform';
import { DataError, withFileName } from '../../errors.js';
import { differingNames } from '../../options.js';
import { requireFilePath } from '../../platform/files.js';
import { describeHolder, tryLock } from '../../platform/lock-file.js';
import {
  isEntry,
  imageByteLength,
  STORE_MAGIC,
  storeEnd,
  encodeImage,
  type StoreEntry,
  type StoreForm,
  type StoreIndex,
} from './layout.js';
import type { StoredDetector } from '../detector-identity.js';
import { type RegionFeatures } from '../region-features.js';
import type { Shard } from '../../shard.js';

/** Properties of all images of a store; a later run must have the same. */
export interface StoreTraits extends StoreForm {
  /** How the features are made. */
  origin: string;
  detector?: StoredDetector | undefined;
  /** The part of all images that the store is to hold; default: all. */
  shard?: Shard | undefined;
}

/** Adds images to a store. */
export interface StoreWriter {
  /** Ids that are already in it. */
  readonly done: ReadonlySet<string>;
  /** @throws DataError when a value does not fit a half float. */
  add(id: string, regions: RegionFeatures): Promise<void>;
  /** Writes the index and renames the store to its final name. */
  finish(): Promise<void>;
  /** Closes the store for a later run to continue. Harmless after `finish`. */
  close(): Promise<void>;
}

/**
 * Begins a store, or continues what `<path>.part` and its journal hold: complete images are kept, bytes after them are removed.
 * @throws DataError when the store is finished, was started with other traits, or is being written by another process.
 */
export async function resumeStore(path: string, traits: StoreTraits): Promise<StoreWriter> {
  await makeFolder(dirname(path));
  await requireFilePath(path);
  const release = await lockStore(path);
  const [part, journal] = [`${path}.part`, `${path}.part.jsonl`];
  let [file, log]: (FileHandle | null)[] = [null, null];
  try {
    if (await exists(path)) throw new DataError(`${path}: already exists; remove it to write it again`);
    const entries = await readJournal(journal, traits, path);
    file = await open(part, (await exists(part)) ? 'r+' : 'w+');
    const whole = await wholeImages(file, entries, traits);
    const { dim, dtype, columns, detector, shard } = traits;
    const index: StoreIndex = { dim, dtype, images: whole, columns, detector, shard };
    const offset = endOf(whole, traits);
    await file.truncate(offset);
    await writeAt(file, STORE_MAGIC, 0);
    await writeTextAtomic(journal, [traits, ...whole].map((line) => `${JSON.stringify(line)}\n`).join(''));
    log = await open(journal, 'a');
    return createWriter({ path, part, journal, file, log, index, offset, release });
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
  /** Releases the lock. */
  release(): Promise<void>;
}

function createWriter({ path, part, journal, file, log, index, offset: start, release }: OpenParts): StoreWriter {
  const done = new Set(index.images.map(([id]) => id));
  let offset = start;
  let isOpen = true;
  const closeFiles = async (): Promise<void> => {
    isOpen = false;
    await file.close();
    await log.close();
  };
  return {
    done,
    add: async (id, regions) => {
      const [bytes, entry] = encodeImage(id, regions, { ...index, offset, name: path });
      await named(part, writeAt(file, bytes, offset));
      await named(journal, log.appendFile(`${JSON.stringify(entry)}\n`));
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

/** Entries of a journal, as far as it is readable. @throws DataError when it is of another store. */
async function readJournal(journal: string, traits: StoreTraits, path: string): Promise<StoreEntry[]> {
  if (!(await exists(journal))) return [];
  const lines = (await readText(journal)).split('\n').map(parse);
  const [begun, ...rest] = lines;
  if (begun === undefined) return [];
  const change = changedTraits(begun, traits);
  if (change !== null)
    throw new DataError(`${journal}: was started with ${change}; remove it and ${path}.part to start over`);
  const end = rest.findIndex((entry) => !isEntry(entry));
  return (end < 0 ? rest : rest.slice(0, end)) as StoreEntry[];
}

/** The differences between the traits of two runs; null when there is none. */
function changedTraits(begun: unknown, now: StoreTraits): string | null {
  const [before, after] = [fieldsOf(begun), fieldsOf(now)];
  const changed = differingNames(before, after);
  if (changed.length === 0) return null;
  const text = (fields: Record<string, unknown>): string =>
    changed.map((name) => `${name} ${JSON.stringify(fields[name])}`).join(', ');
  return `${text(before)}, now ${text(after)}`;
}

/** Traits with the parts of the detector's settings as fields of their own. */
function fieldsOf(traits: unknown): Record<string, unknown> {
  const { detector, ...rest } = (typeof traits === 'object' && traits !== null ? traits : {}) as Partial<StoreTraits>;
  if (detector === undefined) return rest;
  const { settings = {}, ...identity } = detector;
  const named = Object.entries(settings).map(([name, value]) => [`setting ${name}`, value]);
  return { ...rest, ...identity, ...Object.fromEntries(named) };
}

/** The entries whose bytes are in the file, up to the first incomplete one. */
async function wholeImages(
  file: FileHandle,
  entries: readonly StoreEntry[],
  traits: StoreTraits,
): Promise<StoreEntry[]> {
  const whole: StoreEntry[] = [];
  let offset = STORE_MAGIC.byteLength;
  for (const entry of entries) {
    const [, at, , , , , checksum] = entry;
    const bytes = new Uint8Array(imageByteLength(entry, traits));
    const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, offset);
    if (at !== offset || bytesRead < bytes.byteLength || crc32(bytes) !== checksum) break;
    whole.push(entry);
    offset += bytes.byteLength;
  }
  return whole;
}

function endOf(entries: readonly StoreEntry[], traits: StoreTraits): number {
  return entries.reduce((offset, entry) => offset + imageByteLength(entry, traits), STORE_MAGIC.byteLength);
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined; // an incomplete line
  }
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
