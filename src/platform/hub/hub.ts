// Files of hub repositories, in the cache folder that it shares with the Python client.
// Written here because the hub's JavaScript client neither resumes, nor checks contents, nor records the commits of branches.
import { HubError } from '../../errors.js';
import { defaultCacheDir, defaultToken, isFile, isOffline, RepoCache } from './cache.js';
import { describeRemote, downloadTo, type RemoteFile } from './download.js';
import { type HubOptions, hubUrl, isRepoId, PUBLIC_HUB } from './options.js';

/**
 * The path of a repository's file in the cache; it is downloaded if missing. Null when the repository has no such file.
 * Offline (HF_HUB_OFFLINE, `localFilesOnly`), and when the hub does not answer, only the cache is used.
 * @throws HubError when the file is not available, and for invalid ids and paths.
 */
export async function hubFile(repoId: string, file: string, options: HubOptions = {}): Promise<string | null> {
  const {
    revision = 'main',
    subfolder,
    cacheDir = defaultCacheDir(),
    endpoint = process.env['HF_ENDPOINT'] ?? PUBLIC_HUB,
  } = options;
  const path = subfolder === undefined || subfolder === '' ? file : `${subfolder}/${file}`;
  if (!isRepoId(repoId)) throw new HubError(`${repoId}: is not a repository id; expected owner/name`);
  for (const text of [path, revision]) {
    if (!/^[^\\\0]+$/.test(text) || text.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new HubError(`${repoId}: "${text}" is not a path inside a repository`);
    }
  }
  const cache = new RepoCache(cacheDir, repoId);
  const known = await cache.commitOf(revision);
  const cached = known === null ? null : await cache.find(known, path);
  if (cached !== null && known === revision) return cached;
  if (options.localFilesOnly ?? isOffline()) {
    if (known !== null && (await cache.hasSnapshot(known))) return cached;
    throw new HubError(
      `${repoId}: revision ${revision} is not in the cache ${cacheDir}, and network access is off; download it once without localFilesOnly and HF_HUB_OFFLINE`,
    );
  }

  const token = options.token === false ? null : (options.token ?? (await defaultToken()));
  const url = hubUrl(repoId, path, { endpoint, revision });
  let remote: RemoteFile | null;
  try {
    remote = await describeRemote(url, { token });
  } catch (error) {
    if (cached !== null) return cached; // the hub does not answer: use the cached file
    throw error;
  }
  if (remote === null) return null;
  const { commit, etag } = remote;
  const blob = cache.blob(etag);
  if (!(await isFile(blob))) {
    await downloadTo(blob, remote, { token }, (loadedBytes, totalBytes) =>
      options.onProgress?.({ file: path, loadedBytes, totalBytes }),
    );
  }
  await cache.setCommit(revision, commit);
  return (await cache.find(commit, path)) ?? cache.link(commit, path, etag);
}
