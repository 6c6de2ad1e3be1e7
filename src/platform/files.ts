// Files of this machine: random-access reading and atomic writing.
import type { Stats } from 'node:fs';
import { access, constants, type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ByteSink } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import { DataError, systemMessage } from '../errors.js';
import { removeLeftovers, temporaryBeside } from './temporary-files.js';

/** One call of the operating system reads at most 2 GiB. */
const READ_LIMIT = 1 << 30;

/**
 * Files are written in pieces of this size: smaller writes are collected, larger ones split. For larger ones Linux allocates huge pages of its
 * cache, which a virtual machine has to request from its host: measured at 2 s per gigabyte instead of 0.3.
 */
const WRITE_PIECE = 1 << 20;

/** A flush to disk starts after this many bytes, in parallel with further writes, so that `close` has little left to flush. */
const SYNC_EVERY = 64 << 20;

/** Sources are open until they are closed: Node would close the handle of a forgotten one at an arbitrary time, with a warning. */
const OPEN_HANDLES = new Set<FileHandle>();

/** What a path leads to. */
function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a FIFO';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Converts an error of the operating system into a DataError. */
function unreadable(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    throw new DataError(`${path}: cannot be read: ${systemMessage(error)}`, { cause: error });
  };
}

/**
 * Checks that a path leads to a file, without opening it: opening a FIFO could block forever.
 * @throws DataError naming what it is instead, or why it cannot be read
 */
export async function requireFile(path: string): Promise<void> {
  const stats = await stat(path).catch(unreadable(path));
  if (!stats.isFile()) throw new DataError(`${path}: expected a file, found ${kindOf(stats)}; name a file`);
}

/** All bytes of a file. @throws DataError for a folder, FIFO, socket or device, and for an unreadable file */
export async function readWhole(path: string): Promise<Buffer> {
  await requireFile(path);
  return readFile(path).catch(unreadable(path));
}

/**
 * Opens a file for random access through one descriptor; nothing is kept in memory.
 * @throws DataError for a folder, FIFO, socket or device, and for a file that cannot be opened
 */
export async function openFile(path: string): Promise<ByteSource> {
  await requireFile(path);
  const handle = await open(path, 'r').catch(unreadable(path));
  OPEN_HANDLES.add(handle);
  const { size } = await handle.stat();
  const requireInside = (offset: number, length: number): void => {
    if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
      throw new RangeError(`${path}: bytes ${offset} to ${offset + length} lie outside its ${size} bytes`);
    }
  };
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    requireInside(offset, target.byteLength);
    for (let done = 0; done < target.byteLength;) {
      const { bytesRead } = await handle.read(
        target,
        done,
        Math.min(target.byteLength - done, READ_LIMIT),
        offset + done,
      );
      if (bytesRead === 0)
        throw new Error(`${path}: ends at byte ${offset + done}, it was ${size} bytes long when opened`);
      done += bytesRead;
    }
  };
  return {
    name: path,
    size,
    descriptor: handle.fd,
    readInto,
    read: async (offset, length) => {
      requireInside(offset, length);
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    close: () => {
      OPEN_HANDLES.delete(handle);
      return handle.close();
    },
  };
}

/**
 * Creates a folder and those above it.
 * @throws DataError when a file is in the way; Error of the operating system, naming the folder that cannot be written
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await makeLevels(folder);
  } catch (error) {
    await requireNoFileAt(folder, path);
    await requireWritable(dirname(folder)); // names the folder that cannot be written
    throw error;
  }
}

/** Checks that neither a folder to create nor one above it is a file. @param named the folder, as the caller named it */
async function requireNoFileAt(folder: string, named: string): Promise<void> {
  const stats = await stat(folder).catch(() => null);
  if (stats === null) {
    if (dirname(folder) !== folder) await requireNoFileAt(dirname(folder), named);
  } else if (!stats.isDirectory()) {
    const where = folder === resolve(named) ? '' : ` at ${folder}`;
    throw new DataError(
      `${named}: expected a folder, found ${kindOf(stats)}${where}; choose another path, or move it away`,
    );
  }
}

/** Creates one level after the other: Node's own recursion never ends where folders cannot be created, such as in /proc. */
async function makeLevels(folder: string): Promise<void> {
  const make = (): Promise<void> =>
    mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw error;
    });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeLevels(dirname(folder));
    await make();
  });
}

/** Checks that a folder, or its nearest existing parent, can be written. */
async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await requireWritable(dirname(folder));
  });
}

/** Checks the path of a file to write. @throws DataError when it leads to a folder, a device or anything else that is not a file */
export async function requireFilePath(path: string): Promise<void> {
  const present = await stat(path).catch(() => null);
  if (present?.isFile() === false)
    throw new DataError(`${path}: expected a file to write, found ${kindOf(present)}; name a file`);
}

/**
 * A sink over a file: bytes go to a temporary file in its folder, which is flushed to disk and renamed on `close`.
 * Missing folders are created; temporary files of dead processes are removed.
 * @throws DataError when the path leads to something that is not a file; Error of the operating system, naming the path
 */
export async function createFileSink(path: string): Promise<ByteSink> {
  const folder = dirname(path);
  await makeFolder(folder);
  await requireFilePath(path);
  await removeLeftovers(folder);
  const temporary = temporaryBeside(path);
  /** Names the path in errors of the operating system: those of a full disk name none, others the temporary file. */
  const naming = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: NodeJS.ErrnoException) => {
      if (error.code === undefined || (error.path !== undefined && error.path !== temporary)) throw error;
      throw Object.assign(new Error(`${path}: ${error.message}`, { cause: error }), { code: error.code, path });
    });
  const handle = await naming(open(temporary, 'wx'));
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let isOpen = true;
  let unsynced = 0;
  let syncing: Promise<void> | null = null;
  const failures: unknown[] = [];

  const put = async (bytes: Uint8Array): Promise<void> => {
    await writeFully(handle, bytes);
    unsynced += bytes.byteLength;
    if (unsynced < SYNC_EVERY || syncing !== null) return;
    unsynced = 0;
    syncing = handle
      .datasync()
      .catch((error: unknown) => void failures.push(error)) // the system reports it only once
      .then(() => void (syncing = null));
  };
  const flush = async (): Promise<void> => {
    if (pendingBytes === 0) return;
    const joined = Buffer.concat(pending, pendingBytes);
    pending = [];
    pendingBytes = 0;
    await put(joined);
  };
  return {
    name: path,
    write: async (bytes) => {
      if (bytes.byteLength >= WRITE_PIECE) {
        await naming(flush());
        await naming(put(bytes));
        return;
      }
      pending.push(new Uint8Array(bytes));
      pendingBytes += bytes.byteLength;
      if (pendingBytes >= WRITE_PIECE) await naming(flush());
    },
    close: async () => {
      const finish = async (): Promise<void> => {
        await flush();
        await syncing;
        if (failures.length > 0) throw failures[0];
        await handle.sync();
        await handle.close();
        isOpen = false;
        await rename(temporary, path);
        await syncFolder(folder);
      };
      await naming(finish());
    },
    abort: async () => {
      await syncing;
      if (isOpen) await handle.close();
      isOpen = false;
      await rm(temporary, { force: true });
    },
  };
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.byteLength - done, WRITE_PIECE));
    done += bytesWritten;
  }
}

/** Puts renames in a folder on disk, which survive a power cut only then. Windows cannot open folders and does not need it. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
}
