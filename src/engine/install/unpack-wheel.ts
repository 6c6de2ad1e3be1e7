// Reads a wheel: checks its sha256 and unpacks the wanted files in the wheel's own layout.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { openSource } from '#platform';
import { fileDigest } from '../../platform/file-digest.js';
import { readZipDirectory, type ZipEntry } from '../../formats/zip/zip-reader.js';
import { CheckpointError, EngineError } from '../../errors.js';

/** TensorFlow's wheel has some 20,000 files. */
const MAX_FILES = 200_000;

/** @throws EngineError when the file is not the one that was pinned. */
export async function requireSha256(path: string, expected: string): Promise<void> {
  const received = await fileDigest(path);
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
 * @throws EngineError when the file is not a wheel or a name would leave the folder.
 */
export async function unpackWheel(
  path: string,
  folder: string,
  wanted: (name: string) => boolean,
  onBytes: (done: number, total: number) => void = () => undefined,
): Promise<void> {
  const directory = await directoryOf(path);
  const entries = [...directory.values()].filter(({ name }) => !name.endsWith('/') && wanted(name));
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const counted = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      done += chunk.byteLength;
      onBytes(done, total);
      yield chunk;
    }
  };
  for (const { name, offset, packedSize, isDeflated } of entries) {
    const target = join(folder, name);
    await mkdir(dirname(target), { recursive: true });
    if (packedSize === 0) {
      await writeFile(target, '');
      continue;
    }
    const source = createReadStream(path, { start: offset, end: offset + packedSize - 1, highWaterMark: 1 << 20 });
    const bytes = createWriteStream(target, { highWaterMark: 1 << 20 });
    if (isDeflated) await pipeline(source, createInflateRaw({ chunkSize: 1 << 20 }), counted, bytes);
    else await pipeline(source, counted, bytes);
  }
}

/** @throws EngineError for a file that is not an archive, and for names that leave it. */
async function directoryOf(path: string): Promise<Map<string, ZipEntry>> {
  const source = await openSource(path);
  try {
    return await readZipDirectory(source, { allowDeflated: true, maxEntries: MAX_FILES });
  } catch (error) {
    throw error instanceof CheckpointError ? damaged(path, error.message) : error;
  } finally {
    await source.close();
  }
}

function damaged(path: string, why: string): EngineError {
  return new EngineError(
    `${basename(path)} is not a readable wheel (${why}): run \`visualbert engine install\` again.`,
  );
}
