// Reads a wheel: checks its sha256 and unpacks the wanted files in the wheel's own layout.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { EngineError } from '../../errors.js';

interface ZipEntry {
  name: string;
  method: number;
  compressedBytes: number;
  bytes: number;
  headerOffset: number;
}

const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
/** The end record has 22 bytes and a comment of at most 65,535. */
const END_SEARCH_BYTES = 22 + 0xffff;

/** sha256 of a file as lower-case hex. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** @throws EngineError when the file is not the one that was pinned. */
export async function requireSha256(path: string, expected: string): Promise<void> {
  const received = await fileSha256(path);
  if (received !== expected) {
    throw new EngineError(
      `${basename(path)} is damaged or not the published file: expected sha256 ${expected}, received ${received}. Try again; ` +
        'if it happens twice, the package mirror or a proxy changes the file.',
    );
  }
}

/**
 * Unpacks the files of a wheel for which `wanted` holds into `folder`.
 * @param onBytes receives the number of unpacked bytes so far and in all.
 * @throws EngineError when the file is no wheel or a name would leave the folder.
 */
export async function unpackWheel(
  path: string,
  folder: string,
  wanted: (name: string) => boolean,
  onBytes: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    const entries = (await readEntries(file, path)).filter((entry) => !entry.name.endsWith('/') && wanted(entry.name));
    const total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    let done = 0;
    for (const entry of entries) {
      if (entry.method !== 0 && entry.method !== 8)
        throw damaged(path, `${entry.name} has compression method ${entry.method}`);
      const target = normalize(join(folder, entry.name));
      if (!target.startsWith(normalize(folder) + sep)) throw damaged(path, `${entry.name} lies outside the wheel`);
      await mkdir(dirname(target), { recursive: true });
      const start = await dataOffset(file, entry, path);
      const count = (chunk: Buffer): Buffer => {
        done += chunk.byteLength;
        onBytes(done, total);
        return chunk;
      };
      const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
        for await (const chunk of source) yield count(chunk);
      };
      if (entry.compressedBytes === 0) await pipeline([], createWriteStream(target));
      else {
        const source = createReadStream(path, {
          start,
          end: start + entry.compressedBytes - 1,
          highWaterMark: 1 << 20,
        });
        const bytes = createWriteStream(target, { highWaterMark: 4 << 20 });
        if (entry.method === 0) await pipeline(source, counted, bytes);
        else await pipeline(source, createInflateRaw({ chunkSize: 1 << 20 }), counted, bytes);
      }
    }
  } finally {
    await file.close();
  }
}

function damaged(path: string, why: string): EngineError {
  return new EngineError(
    `${basename(path)} is not a readable wheel (${why}): run \`visualbert engine install\` again.`,
  );
}

async function readEntries(file: FileHandle, path: string): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, END_SEARCH_BYTES);
  const tail = Buffer.alloc(tailBytes);
  await file.read(tail, 0, tailBytes, size - tailBytes);
  let end = tailBytes - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_CENTRAL_DIRECTORY) end--;
  if (end < 0) throw damaged(path, 'no directory at its end');
  const [count, bytes, offset] = [
    tail.readUInt16LE(end + 10),
    tail.readUInt32LE(end + 12),
    tail.readUInt32LE(end + 16),
  ];
  if (offset + bytes > size) throw damaged(path, 'its directory lies outside the file');
  const directory = Buffer.alloc(bytes);
  await file.read(directory, 0, bytes, offset);
  const entries: ZipEntry[] = [];
  for (let at = 0; entries.length < count;) {
    if (at + 46 > bytes || directory.readUInt32LE(at) !== CENTRAL_ENTRY)
      throw damaged(path, `entry ${entries.length} of its directory`);
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function dataOffset(file: FileHandle, entry: ZipEntry, path: string): Promise<number> {
  const header = Buffer.alloc(30);
  await file.read(header, 0, 30, entry.headerOffset);
  if (header.readUInt32LE(0) !== LOCAL_ENTRY) throw damaged(path, `the header of ${entry.name}`);
  return entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}
