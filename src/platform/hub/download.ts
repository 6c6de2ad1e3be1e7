// Downloads one file of the hub: requests its description, resumes broken connections, and checks the contents.
import { readdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HubError } from '../../errors.js';
import { makeFolder, removeFile } from '../files.js';
import { isFile, matchesEtag } from './cache.js';
import { type Access, headersOf, Refusal, request, requireSuccess, withRetries } from './request.js';
import { isAbandoned, ownerName } from '../temporary-files.js';
import { byteCount, sizeOf, type Transfer, transferRest } from './transfer.js';

/** The hub's description of a file. */
export interface RemoteFile {
  url: string;
  /** Identifies the contents: SHA-256 of large files, git's blob id of small ones. */
  etag: string;
  commit: string;
  /** Null when the server does not say. */
  sizeBytes: number | null;
}

/** Renamed repositories need one or two relative redirects. */
const MAX_REDIRECTS = 5;

/**
 * Requests the description of a file. Null when the repository has no such file.
 * @throws HubError naming address and status: unknown repository or revision, no access, or no valid answer after several attempts.
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
 * The redirect target of a renamed repository: a path of the same server. Large files redirect to the full address of another one; that
 * response describes the file, and the token must not be sent there (`//host/path` and `/\\host/path` are other servers too).
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
 * Fetches a file to `path`, resuming an earlier attempt from its partial file. The contents are checked against the etag.
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
    if (error instanceof Refusal) await removeFile(partial); // no later attempt could resume it
    throw error;
  });
  if (!(await matchesEtag(partial, remote.etag))) {
    await removeFile(partial);
    throw new HubError(
      `${remote.url}: expected contents with the checksum ${remote.etag}, received others; try again, or check for a proxy that changes files`,
    );
  }
  await rename(partial, path);
}

/** Takes over the partial file of a dead process by renaming it, so that one process owns it at a time. */
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
