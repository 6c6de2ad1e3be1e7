// Downloads one file of the hub: asks what it is, fetches it piece after piece where connections break, and checks what arrived.
import { readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HubError } from '../../errors.js';
import { makeFolder, removeFile } from '../files.js';
import { isFile, matchesEtag } from './cache.js';
import { type Access, headersOf, Refusal, request, requireSuccess, withRetries } from './request.js';
import { isAbandoned, ownerName } from '../temporary-files.js';
import { byteCount, sizeOf, type Transfer, transferRest } from './transfer.js';

/** What the hub says of a file before sending it. */
export interface RemoteFile {
  url: string;
  /** Names the contents: SHA-256 of large files, git's blob id of small ones. */
  etag: string;
  commit: string;
  /** Null when the server does not say. */
  sizeBytes: number | null;
}

/** Renamed repositories answer by relative redirects, one or two. */
const MAX_REDIRECTS = 5;

/**
 * Asks about a file without fetching it. Null when the repository has no such file.
 * @throws HubError naming address and status: unknown repository or revision, no access, or no sensible answer after several tries.
 */
export async function describeRemote(url: string, access: Access): Promise<RemoteFile | null> {
  return withRetries(url, async () => {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const response = await request(at, { method: 'HEAD', headers: headersOf(access), redirect: 'manual' });
      const target = redirectTarget(response, at);
      if (target !== null && redirects < MAX_REDIRECTS) {
        at = target;
        continue;
      }
      if (response.status === 404 && !/^(Repo|Revision)NotFound$/.test(response.headers.get('x-error-code') ?? ''))
        return null;
      requireSuccess(url, response);
      return remoteFile(at, response);
    }
  });
}

/**
 * Where a renamed repository is now: a path of the same server. Large files are sent on to another one, by a full address; that answer
 * describes the file, and the token must not go there (`//host/path` and `/\\host/path` are addresses of other servers too).
 */
function redirectTarget({ status, headers }: Response, at: string): string | null {
  const location = headers.get('location') ?? '';
  if (status < 300 || status >= 400 || location === '' || /^[a-z][a-z0-9+.-]*:/i.test(location)) return null;
  const target = new URL(location, at);
  return target.origin === new URL(at).origin ? target.href : null;
}

function remoteFile(url: string, { headers }: Response): RemoteFile {
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const commit = headers.get('x-repo-commit') ?? '';
  if (!/^(?!\.+$)[\w.-]{1,200}$/.test(etag) || !/^[0-9a-f]{40}$/.test(commit)) {
    throw new Refusal(`${url}: the server is not a hub: its answer lacks an etag or x-repo-commit; check HF_ENDPOINT`);
  }
  const isPacked = (headers.get('content-encoding') ?? 'identity') !== 'identity'; // its length is then that of the packed bytes
  const size = headers.get('x-linked-size') ?? (isPacked ? null : headers.get('content-length'));
  return { url, etag, commit, sizeBytes: byteCount(size) };
}

/**
 * Fetches a file to `path`, resuming an earlier broken try (its bytes are kept beside). The contents are checked against the etag.
 * @throws HubError when the server keeps failing, sends another length, or other contents.
 */
export async function downloadTo(
  path: string,
  remote: RemoteFile,
  access: Access,
  onBytes: (loaded: number, total: number | null) => void,
): Promise<void> {
  await makeFolder(dirname(path));
  const partial = await claimPartial(path);
  const { url, sizeBytes } = remote;
  const transfer: Transfer = {
    url,
    sizeBytes,
    send: async (headers, signal) => {
      const response = await request(url, { headers: headersOf(access, headers), signal });
      const isPastEnd = response.status === 416 && headers['range'] !== undefined;
      if (!isPastEnd) requireSuccess(url, response);
      return response;
    },
  };
  await withRetries(
    remote.url,
    () => transferRest(partial, transfer, onBytes),
    () => sizeOf(partial),
  ).catch(async (error: unknown) => {
    if (error instanceof Refusal) await removeFile(partial); // no later try could go on from it
    throw error;
  });
  if (!(await matchesEtag(partial, remote.etag))) {
    await removeFile(partial);
    throw new HubError(
      `${remote.url}: what arrived does not have the checksum ${remote.etag}; try again, or look for a proxy that changes files`,
    );
  }
  await rename(partial, path);
}

/** Bytes of an interrupted download belong to one process at a time: taken over by renaming when their owner is gone. */
async function claimPartial(path: string): Promise<string> {
  const own = `${path}.partial-${ownerName()}`;
  const prefix = `${basename(path)}.partial-`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || (await isFile(own))) continue;
    const found = join(dirname(path), name);
    if (await isAbandoned(found, name.slice(prefix.length))) await rename(found, own).catch(() => undefined);
  }
  return own;
}
