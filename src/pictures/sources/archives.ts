// Pictures in zip and tar archives, read without unpacking.
import type { ByteSource } from '../../byte-source.js';
import { readZipDirectory } from '../../formats/zip/zip-reader.js';
import { DataError } from '../../errors.js';
import { readTarDirectory } from '../../formats/tar.js';
import { readZipEntry } from '../../formats/zip/zip-entry.js';
import { PICTURE_FILE } from '../kind.js';
import { type NameBy, type NamedPicture, type PictureSource, pictureSource, withIds } from './source.js';

/** COCO has 164 thousand pictures, Visual Genome 108 thousand. */
const MAX_PICTURES = 2_000_000;
/** No picture is larger. */
const MAX_PICTURE_BYTES = 1 << 29;

/** The pictures of a zip archive; other files are skipped. @throws DataError or CheckpointError when it is damaged. */
export async function openZipPictures(source: ByteSource, nameBy: NameBy): Promise<PictureSource> {
  const directory = await readZipDirectory(source, { allowDeflated: true, maxEntries: MAX_PICTURES });
  const entries = [...directory.values()].filter(({ name }) => isPicture(name));
  return ofArchive(
    source,
    nameBy,
    entries.map((entry) => {
      const where = `${source.name}, ${entry.name}`;
      return { path: entry.name, where, read: () => readZipEntry(source, entry, where) };
    }),
  );
}

/** The pictures of a tar archive; other files are skipped. @throws DataError when it is damaged or cut short. */
export async function openTarPictures(source: ByteSource, nameBy: NameBy): Promise<PictureSource> {
  const entries = (await readTarDirectory(source)).filter(({ name }) => isPicture(name));
  return ofArchive(
    source,
    nameBy,
    entries.map(({ name, offset, size }) => {
      const where = `${source.name}, ${name}`;
      const read = async (): Promise<Uint8Array> => {
        if (size > MAX_PICTURE_BYTES) throw new DataError(`${where}: ${size} bytes, more than any picture has`);
        return source.read(offset, size);
      };
      return { path: name, where, read };
    }),
  );
}

function ofArchive(source: ByteSource, nameBy: NameBy, pictures: readonly NamedPicture[]): PictureSource {
  return pictureSource(source.name, withIds(pictures, nameBy), { nameBy, close: () => source.close() });
}

/** Whether a file is a picture by its name, not hidden, and not one that macOS adds. */
function isPicture(path: string): boolean {
  return PICTURE_FILE.test(path) && !path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');
}
