// Files of hub repositories, in the cache folder that the Python client uses too.
import type { HubOptions } from './hub-options.js';
import { hubUrl } from './hub-options.js';
import { HubError } from '../errors.js';

/** The path of a repository's file in the cache, downloaded when it is not there. Null when the repository lacks it. */
export async function hubFile(repoId: string, file: string, options: HubOptions = {}): Promise<string | null> {
  throw new HubError(`${hubUrl(repoId, file, options)}: downloading is not supported yet`);
}
