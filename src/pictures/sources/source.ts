// Pictures of a data set by id: the common interface of folders, archives and tables.
import { posix } from 'node:path';
import { DataError, errorMessage } from '../../errors.js';
import { imageKey } from '../../image-key.js';
import { pictureKind } from '../kind.js';

/** Encoded pictures of a data set, read one at a time. */
export interface PictureSource {
  /** Its name in errors. */
  readonly name: string;
  /** In storage order, in which reading is fastest. No two are the same image to `imageKey`. */
  readonly ids: readonly string[];
  /** The bytes of a picture, in a format that `decodePicture` reads. @throws DataError naming source and picture. */
  read(id: string): Promise<Uint8Array>;
  /** The picture's file, and its archive or table, for errors. @throws DataError when there is no such picture */
  where(id: string): string;
  close(): Promise<void>;
}

/** A picture of a source. */
export interface PictureEntry {
  id: string;
  /** Its location, for errors. */
  where: string;
  read(): Promise<Uint8Array>;
}

/**
 * A source over its pictures.
 * @throws DataError when there is none, or two are the same image to `imageKey`.
 */
export function pictureSource(
  name: string,
  entries: readonly PictureEntry[],
  close: () => Promise<void> = async () => undefined,
  advice = "name pictures by their paths (nameBy: 'path', --name-by path)",
): PictureSource {
  if (entries.length === 0) throw new DataError(`${name}: holds no pictures`);
  const byKey = new Map<string, PictureEntry>();
  for (const entry of entries) {
    const before = byKey.get(imageKey(entry.id));
    if (before !== undefined) {
      throw new DataError(
        `${entry.where}: is image ${entry.id}, like ${before.where}; ${posix.dirname(entry.where) === posix.dirname(before.where) ? 'leave one of them out' : advice}`,
      );
    }
    byKey.set(imageKey(entry.id), entry);
  }
  const entryOf = (id: string): PictureEntry => {
    const entry = byKey.get(imageKey(id));
    if (entry === undefined) throw new DataError(`${name}: has no picture of image ${id}`);
    return entry;
  };
  return {
    name,
    ids: entries.map(({ id }) => id),
    where: (id) => entryOf(id).where,
    read: async (id) => {
      const entry = entryOf(id);
      const bytes = await entry.read().catch((error: unknown) => {
        const message = errorMessage(error);
        if (error instanceof DataError && message.startsWith(entry.where)) throw error;
        throw new DataError(`${entry.where}: could not be read: ${message}`, { cause: error });
      });
      if (pictureKind(bytes) !== null) return bytes;
      throw new DataError(
        `${entry.where}: expected a JPEG, PNG, WebP, GIF, AVIF or TIFF picture, found another format`,
      );
    },
    close,
  };
}

/** Several sources as one, in their order. @throws DataError when two pictures are the same image. */
export function joinPictures(sources: readonly PictureSource[], nameBy: NameBy): PictureSource {
  const [first, ...others] = sources;
  if (first !== undefined && others.length === 0) return first;
  const entries = sources.flatMap((source) =>
    source.ids.map((id) => ({ id, where: source.where(id), read: () => source.read(id) })),
  );
  const close = async (): Promise<void> => void (await Promise.all(sources.map((source) => source.close())));
  const name = sources.map((source) => source.name).join(' + ');
  return pictureSource(name, entries, close, nameBy === 'path' ? 'give the folder that holds both' : undefined);
}

/** What names a picture: its file, or its path below the folder or archive that was given. */
export const NAMED_BY = ['file', 'path'] as const;
/** What the ids of pictures are. */
export type NameBy = (typeof NAMED_BY)[number];

/** The id of a picture by its path, without ending; with `file` also without folders. */
export function pictureId(path: string, nameBy: NameBy = 'file'): string {
  const { dir, name } = posix.parse(posix.normalize(path.replaceAll('\\', '/')));
  return nameBy === 'file' ? name : posix.join(dir, name).replace(/^\/+/, '');
}

/** The same pictures with ids that start with the name of their source, for several sources named by paths. */
export function withPrefix(source: PictureSource, prefix: string): PictureSource {
  const start = `${prefix}/`;
  const withoutStart = (id: string): string => (id.startsWith(start) ? id.slice(start.length) : id);
  return {
    ...source,
    ids: source.ids.map((id) => start + id),
    where: (id) => source.where(withoutStart(id)),
    read: (id) => source.read(withoutStart(id)),
  };
}
