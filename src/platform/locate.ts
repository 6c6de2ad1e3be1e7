// Locates a pretrained model: a folder, one file, an address, or a repository of the hub, whose files are fetched on request.
import { exists, fileName, folderOf, hubFile, type HubOptions, isFolder, isRepoId, isUrl, joinPath } from '#platform';
import { CheckpointError, HubError } from '../errors.js';
import { hasScheme } from './addresses.js';

/** The files of a pretrained model. */
export interface PretrainedFiles {
  /** The location given by the caller. */
  readonly where: string;
  /** The same for errors: of a folder with its subfolder. */
  readonly name: string;
  /** The weights file, when the caller named one. */
  readonly weights: string | null;
  /** Path or address of a file, or null where there is none. Each file is looked for once. */
  find(file: string): Promise<string | null>;
}

const WEIGHTS_FILE = /\.(safetensors|bin|pt|pth|th|ckpt|pkl|json)$/;

/** Where a pretrained model is, or its files where they are located already. */
export type PretrainedSource = string | PretrainedFiles;

/**
 * Resolves `where`: an existing folder or file first, then an address, then a repository id. Located files stay as they are.
 * @throws CheckpointError when it is none of them. HubError later, from `find`.
 */
export async function locatePretrained(where: PretrainedSource, options: HubOptions = {}): Promise<PretrainedFiles> {
  if (isLocated(where)) return where;
  const { find, ...files } = await resolved(where, options);
  const found = new Map<string, Promise<string | null>>();
  const findOnce = async (file: string): Promise<string | null> => {
    const known = found.get(file) ?? find(file);
    found.set(file, known);
    return known;
  };
  return { ...files, find: findOnce };
}

/** Whether a source is a model's files. */
export function isLocated(where: unknown): where is PretrainedFiles {
  const { name, find } = (where ?? {}) as Partial<PretrainedFiles>;
  return typeof name === 'string' && typeof find === 'function';
}

async function resolved(where: string, options: HubOptions): Promise<PretrainedFiles> {
  if (typeof where !== 'string' || where === '') {
    throw new CheckpointError(
      `expected a folder, a checkpoint file, an address or a repository id such as uclanlp/visualbert-vqa; received ${where === '' ? 'an empty text' : String(where)}`,
    );
  }
  const inFolder = (folder: string): PretrainedFiles['find'] => {
    return async (file) => {
      const path = joinPath(folder, file);
      return (await exists(path)) ? path : null;
    };
  };
  const folder = options.subfolder === undefined ? where : joinPath(where, options.subfolder);
  if (await isFolder(folder)) return { where, name: folder, weights: null, find: inFolder(folder) };
  if (isUrl(where)) {
    const isFile = WEIGHTS_FILE.test(fileName(where));
    return { where, name: where, weights: isFile ? where : null, find: inFolder(isFile ? folderOf(where) : folder) };
  }
  if (await exists(where)) return { where, name: where, weights: where, find: inFolder(folderOf(where)) };
  if (isRepoId(where) && !WEIGHTS_FILE.test(where))
    return { where, name: where, weights: null, find: (file) => repositoryFile(where, file, options) };
  throw notFound(where);
}

function notFound(where: string): CheckpointError {
  if (hasScheme(where))
    return new CheckpointError(
      `${where}: addresses of other schemes than http and https are not supported; download it`,
    );
  const expected = WEIGHTS_FILE.test(where)
    ? 'expected a checkpoint file, found none; check the path'
    : 'expected a folder, a checkpoint file, an address or a repository id such as uclanlp/visualbert-vqa; found none';
  return new CheckpointError(`${where}: ${expected}`);
}

/** A file of a repository. @throws HubError that also says that no folder has this name, which may have been intended */
async function repositoryFile(id: string, file: string, options: HubOptions): Promise<string | null> {
  try {
    return await hubFile(id, file, options);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    throw new HubError(`${id}: not a folder; as a repository of the hub: ${error.message}`, { cause: error });
  }
}
