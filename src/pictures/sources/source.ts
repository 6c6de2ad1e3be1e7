// Pictures of a data set by id: the common interface of folders, archives and tables.
import { posix } from 'node:path';
import { DataError, errorMessage } from '../../errors.js';
import { imageKey } from '../../image-key.js';
import { requirePictureKind } from '../kind.js';

/** Encoded pictures of a data set, read one at a time. */
export interface PictureSource {
  /** Its name in errors. */
  readonly name: string;
  /** In storage order, in which reading is fastest. No two are the same image to `imageKey`. */
  readonly ids: readonly string[];
  /** Whether a Parquet file is among what was opened. */
  readonly hasTable: boolean;
  /** The bytes of a picture, in a format that `decodePicture` reads. @throws DataError naming source and picture. */
  read(id: string): Promise<Uint8Array>;
  /** Files beside the pictures that are not read, by their folder. */
  readonly ignored: readonly IgnoredFiles[];
  /** The picture's file, and its archive or table, for errors. @throws DataError when there is no such picture */
  where(id: string): string;
  close(): Promise<void>;
}

/** Files of a folder that are not pictures by their names. */
export interface IgnoredFiles {
  folder: string;
  /** How many have each ending; `''` for none. */
  endings: Readonly<Record<string, number>>;
}

/** A picture of a source. */
export interface PictureEntry {
  id: string;
  /** Its location, for errors. */
  where: string;
  read(): Promise<Uint8Array>;
}

interface SourceOptions {
  nameBy?: NameBy;
  close?: () => Promise<void>;
  ignored?: readonly IgnoredFiles[];
  hasTable?: boolean;
  /** What to do about two pictures of one id. */
  advice?: string | undefined;
}

/**
 * A source over its pictures.
 * @throws DataError when there is none, or two are the same image to `imageKey`.
 */
export function pictureSource(
  name: string,
  entries: readonly PictureEntry[],
  {
    close = async () => undefined,
    ignored = [],
    hasTable = false,
    nameBy = 'file',
    advice = ADVICE[nameBy],
  }: SourceOptions = {},
): PictureSource {
  if (entries.length === 0) throw new DataError(`${name}: holds no pictures`);
  const byKey = new Map<string, PictureEntry>();
  for (const entry of entries) {
    const before = byKey.get(imageKey(entry.id));
    if (before !== undefined)
      throw new DataError(
        `${entry.where}: gets the id ${entry.id}, which means the same image as ${before.id} of ${before.where}; ${advice}`,
      );
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
      requirePictureKind(bytes, entry.where);
      return bytes;
    },
    ignored,
    hasTable,
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
  const ignored = sources.flatMap((source) => source.ignored);
  const advice = nameBy === 'path' ? 'give the folder that holds both' : undefined;
  const hasTable = sources.some((source) => source.hasTable);
  return pictureSource(name, entries, { close, ignored, hasTable, nameBy, advice });
}

/** What to do about two pictures of one id. */
const ADVICE: Readonly<Record<NameBy, string>> = {
  file: "name pictures by their paths (nameBy: 'path', --name-by path), or take only some files by a pattern such as '*.png'",
  path: 'rename one of them, or leave it out',
};

/** What names a picture: its file, or its path below the folder or archive that was given. */
export const NAMED_BY = ['file', 'path'] as const;
/** What the ids of pictures are. */
export type NameBy = (typeof NAMED_BY)[number];

/** The id of a picture by its path, without ending; with `file` also without folders. */
export function pictureId(path: string, nameBy: NameBy = 'file'): string {
  const { dir, name } = posix.parse(posix.normalize(path.replaceAll('\\', '/')));
  return nameBy === 'file' ? name : posix.join(dir, name).replace(/^\/+/, '');
}

/** A picture by its path. */
export interface NamedPicture extends Omit<PictureEntry, 'id'> {
  path: string;
}

/**
 * Gives the pictures of one source their ids. Paths that differ only in their ending get ids with it: `a.png` and `a.webp` become `a@png` and
 * `a@webp`, which no reader of features takes for two spellings of one id.
 */
export function withIds(pictures: readonly NamedPicture[], nameBy: NameBy): PictureEntry[] {
  const entries = pictures.map(({ path, ...picture }) => ({ path, picture, id: pictureId(path, nameBy) }));
  const counts = new Map<string, number>();
  for (const { id } of entries) counts.set(id, (counts.get(id) ?? 0) + 1);
  return entries.map(({ path, picture, id }) => {
    const isOnly = nameBy === 'file' || counts.get(id) === 1;
    return { ...picture, id: isOnly ? id : `${id}@${posix.extname(path).slice(1)}` };
  });
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
