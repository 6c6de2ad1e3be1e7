// Files of this machine: random-access reading and atomic writing.
import { randomBytes } from 'node:crypto';
import { access, constants, type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, basename, join, resolve } from 'node:path';
import type { ByteSink } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';

/** One call of the operating system reads at most 2 GiB. */
const READ_LIMIT = 1 << 30;

/** Small writes are collected into pieces of this size. */
const WRITE_BUFFER = 4 << 20;

/** After so many bytes the disk begins to write them down, while more are made: `close` then has little to wait for. */
const SYNC_EVERY = 64 << 20;

/** Opens a file for random access through one descriptor; nothing is kept in memory. */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r');
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw new Error(`${path}: expected a file, found ${stats.isDirectory() ? 'a folder' : 'something else'}`);
  }
  const { size } = stats;
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
    readInto,
    read: async (offset, length) => {
      requireInside(offset, length);
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    close: () => handle.close(),
  };
}

/**
 * Creates a folder and those above it.
 * @throws Error of the operating system, naming the folder that cannot be written
 */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  try {
    await makeLevels(folder);
  } catch (error) {
    await requireWritable(dirname(folder)); // names the folder in which the missing one cannot be made
    throw error;
  }
}

/** One folder after the other: Node's own recursion never ends where the system takes no folders, such as in /proc. */
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

/** Asks of a folder, or of the nearest above it that exists, whether it can be written. */
async function requireWritable(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await requireWritable(dirname(folder));
  });
}

/**
 * A sink over a file: bytes go to a temporary file beside it, which is flushed to disk and takes the name on `close`.
 * Folders on the way are created.
 */
export async function createFileSink(path: string): Promise<ByteSink> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = join(folder, `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);
  const handle = await open(temporary, 'wx');
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
      .catch((error: unknown) => void failures.push(error)) // the system tells it only once
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
      if (bytes.byteLength >= WRITE_BUFFER) {
        await flush();
        await put(bytes);
        return;
      }
      pending.push(bytes.slice());
      pendingBytes += bytes.byteLength;
      if (pendingBytes >= WRITE_BUFFER) await flush();
    },
    close: async () => {
      await flush();
      await syncing;
      if (failures.length > 0) throw failures[0];
      await handle.sync();
      await handle.close();
      isOpen = false;
      await rename(temporary, path);
      await syncFolder(folder);
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
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.byteLength - done, READ_LIMIT));
    done += bytesWritten;
  }
}

/** A rename survives a power cut only once its folder is on disk. Windows cannot open folders and needs no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
