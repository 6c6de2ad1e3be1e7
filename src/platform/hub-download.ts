// Downloads one file of the hub: asks what it is, fetches it piece after piece where connections break, and checks what arrived.
import { open, readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HubError } from '../errors.js';
import { isRunning } from './lock-file.js';
import { makeFolder } from './files.js';
import { isFile, matchesEtag, removeIfThere } from './hub-cache.js';

/** What the hub says of a file before sending it. */
export interface RemoteFile {
  url: string;
  /** Names the contents: SHA-256 of large files, git's blob id of small ones. */
  etag: string;
  commit: string;
  /** Null when the server does not say. */
  sizeBytes: number | null;
}

/** A request's circumstances. */
export interface Access {
  token: string | null;
}

/** Tries in a row that may fail without a byte arriving. */
const MAX_ATTEMPTS = 4;

/** First wait between tries; doubled each time. */
const FIRST_WAIT_MS = 250;

/** A server that asks for a longer wait than this is taken as unavailable. */
const LONGEST_WAIT_MS = 20_000;

/** Renamed repositories answer by relative redirects, one or two. */
const MAX_REDIRECTS = 5;

const USER_AGENT = 'visualbert-tfjs';

/** A connection that says nothing for so long is dropped: HF_HUB_DOWNLOAD_TIMEOUT seconds, 10 as in the Python client. */
function silenceLimitMs(): number {
  const seconds = Number(process.env['HF_HUB_DOWNLOAD_TIMEOUT'] ?? 10);
  return (seconds > 0 ? seconds : 10) * 1000;
}

/** The server answered, and trying again would not change it. */
class Refusal extends HubError {}

function headersOf({ token }: Access, more: Record<string, string> = {}): Record<string, string> {
  return {
    'user-agent': USER_AGENT,
    'accept-encoding': 'identity',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...more,
  };
}

/**
 * Asks about a file without fetching it. Null when the repository has no such file.
 * @throws HubError naming address and status: unknown repository or revision, no access, or no sensible answer after several tries.
 */
export async function describeRemote(url: string, access: Access): Promise<RemoteFile | null> {
  return withRetries(url, async () => {
    let at = url;
    for (let redirects = 0; ; redirects++) {
      const response = await request(at, { method: 'HEAD', headers: headersOf(access), redirect: 'manual' });
      const location = response.headers.get('location') ?? '';
      if (response.status >= 300 && response.status < 400 && location.startsWith('/') && redirects < MAX_REDIRECTS) {
        at = new URL(location, at).href;
        continue;
      }
      if (response.status === 404 && !/^(Repo|Revision)NotFound$/.test(response.headers.get('x-error-code') ?? ''))
        return null;
      requireSuccess(url, response);
      return remoteFile(at, response);
    }
  });
}

function remoteFile(url: string, { headers }: Response): RemoteFile {
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '');
  const commit = headers.get('x-repo-commit') ?? '';
  if (!/^[\w.-]{1,200}$/.test(etag) || !/^[0-9a-f]{40}$/.test(commit)) {
    throw new Refusal(`${url}: the server is no hub: its answer lacks an etag or x-repo-commit; check HF_ENDPOINT`);
  }
  const size = headers.get('x-linked-size') ?? headers.get('content-length');
  return { url, etag, commit, sizeBytes: size !== null && /^\d+$/.test(size) ? Number(size) : null };
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
  await withRetries(
    remote.url,
    () => fetchRest(partial, remote, access, onBytes),
    () => sizeOf(partial),
  );
  if (!(await matchesEtag(partial, remote.etag))) {
    await removeIfThere(partial);
    throw new HubError(
      `${remote.url}: what arrived does not have the checksum ${remote.etag}; try again, or look for a proxy that changes files`,
    );
  }
  await rename(partial, path);
}

/** Bytes of an interrupted download belong to one process at a time: taken over by renaming when their owner is gone. */
async function claimPartial(path: string): Promise<string> {
  const own = `${path}.partial-${process.pid}`;
  const prefix = `${basename(path)}.partial-`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || (await isFile(own))) continue;
    const owner = Number(name.slice(prefix.length));
    if (owner !== process.pid && !(await isRunning(owner)))
      await rename(join(dirname(path), name), own).catch(() => undefined);
  }
  return own;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
}

async function fetchRest(
  partial: string,
  { url, sizeBytes }: RemoteFile,
  access: Access,
  onBytes: (loaded: number, total: number | null) => void,
): Promise<void> {
  let loaded = await sizeOf(partial);
  if (sizeBytes !== null && loaded > sizeBytes) loaded = 0;
  if (sizeBytes !== null && loaded === sizeBytes && loaded > 0) return onBytes(loaded, sizeBytes);
  const silence = new Silence();
  try {
    const more = loaded > 0 ? { range: `bytes=${loaded}-` } : undefined;
    const response = await request(url, { headers: headersOf(access, more), signal: silence.signal });
    requireSuccess(url, response);
    const isResumed =
      response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${loaded}-`) === true;
    if (!isResumed) loaded = 0;
    for await (const bytes of received(partial, loaded, response, silence)) {
      loaded += bytes;
      if (sizeBytes !== null && loaded > sizeBytes) {
        throw new Refusal(`${url}: the server sends more than the ${sizeBytes} bytes it announced`);
      }
      onBytes(loaded, sizeBytes);
    }
  } finally {
    silence.stop();
  }
  if (sizeBytes !== null && loaded < sizeBytes)
    throw new HubError(`${url}: the connection ended after ${loaded} of ${sizeBytes} bytes`);
}

/** Writes a response into a file from `start` on; yields the bytes of each piece. */
async function* received(path: string, start: number, response: Response, silence: Silence): AsyncGenerator<number> {
  const handle = await open(path, start > 0 ? 'r+' : 'w');
  try {
    await handle.truncate(start);
    let at = start;
    for (const reader = response.body?.getReader(); reader !== undefined;) {
      silence.restart();
      const { done, value } = await reader.read();
      if (done) break;
      await handle.write(value, 0, value.byteLength, at);
      at += value.byteLength;
      yield value.byteLength;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Aborts a request that stays silent. */
class Silence {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  readonly signal = this.controller.signal;

  constructor() {
    this.restart();
  }
  restart(): void {
    clearTimeout(this.timer);
    const limitMs = silenceLimitMs();
    this.timer = setTimeout(() => this.controller.abort(new Error(`silent for ${limitMs / 1000} s`)), limitMs);
  }
  stop(): void {
    clearTimeout(this.timer);
  }
}

async function request(url: string, init: RequestInit): Promise<Response> {
  const silence = init.signal === undefined ? new Silence() : null;
  try {
    return await fetch(url, silence === null ? init : { ...init, signal: silence.signal });
  } catch (error) {
    const { message, cause } = error as Error & { cause?: { message?: string; code?: string } };
    throw new HubError(`${url}: no answer (${cause?.message || cause?.code || message})`);
  } finally {
    silence?.stop();
  }
}

/** @throws Refusal for answers that stay; HubError, with the wait asked for, for those that may change. */
function requireSuccess(url: string, response: Response): void {
  const { status, headers } = response;
  if (status >= 200 && status < 400) return;
  void response.body?.cancel();
  const code = headers.get('x-error-code');
  const said = headers.get('x-error-message') ?? code;
  const answer = `${url}: the server answered ${status}${said === null ? '' : ` (${said.slice(0, 200)})`}`;
  if (status === 401 || status === 403) {
    throw new Refusal(
      `${answer}; the repository does not exist, or is private or gated: check its name, ask for access, and set HF_TOKEN`,
    );
  }
  if (status === 404) throw new Refusal(`${answer}; check the repository's name and the revision`);
  if (status === 429 || status >= 500) throw new Busy(answer, Number(headers.get('retry-after') ?? NaN) * 1000);
  throw new Refusal(answer);
}

/** The server cannot answer now. */
class Busy extends HubError {
  constructor(
    message: string,
    readonly waitMs: number,
  ) {
    super(message);
  }
}

/** Tries again, ever later, as long as `progress` grows or a few times without. */
async function withRetries<T>(
  url: string,
  attempt: () => Promise<T>,
  progress: () => Promise<number> = async () => 0,
): Promise<T> {
  let before = await progress();
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refusal || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      const now = await progress();
      if (now > before) failures = 1;
      before = now;
      const wished = error instanceof Busy && error.waitMs > 0 ? error.waitMs : 0;
      if (failures >= MAX_ATTEMPTS || wished > LONGEST_WAIT_MS) {
        const text = error instanceof HubError ? error.message : `${url}: ${(error as Error).message}`;
        throw new HubError(`${text}; tried ${failures} times, try again later`);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(wished, FIRST_WAIT_MS * 2 ** (failures - 1))));
    }
  }
}
