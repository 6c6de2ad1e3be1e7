// Lock files, which keep processes out of each other's folders. Node only.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { DataError } from '../errors.js';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.js';

/** The holder renews its lock this often; if the holder cannot be checked (another machine on a shared disk), a lock not renewed for STALE_MS counts as abandoned. */
const RENEW_MS = 5_000;
const STALE_MS = 60_000;
const POLL_MS = 200;
/** A lock may disappear between two checks, but not this often: then it is a folder, a broken link, or another user's. */
const MOST_TRIES = 100;

/** The owner of a lock. */
export type LockHolder = Pick<ProcessIdentity, 'pid' | 'host'>;

interface Owner extends ProcessIdentity {
  token: string;
}

/** Owner of a lock file that is still empty: only the file's age shows whether its process died. */
const UNNAMED: Owner = { pid: 0, host: '', token: '' };

/** Locks of this process: the process id is not enough, since in a container every run may have the same one. */
const held = new Set<string>();

/**
 * Acquires the lock file `path`, in an existing folder, also from a dead process.
 * @returns a function that releases it; or its owner, null while that is unknown
 * @throws Error of the operating system when no file can be written there; DataError for anything but a lock
 */
export async function tryLock(path: string): Promise<{ release: () => Promise<void> } | { holder: LockHolder | null }> {
  const token = randomUUID();
  for (let tries = 1; !(await tryCreate(path, token)); tries++) {
    const owner = await readOwner(path);
    if (owner === null) {
      if (tries === MOST_TRIES)
        throw new DataError(`${path}: the lock can neither be created nor read; remove it if nothing uses its folder`);
      await setTimeout(1);
      continue;
    }
    if (!(await isDead(path, owner)))
      return { holder: owner === UNNAMED ? null : { pid: owner.pid, host: owner.host } };
    await takeAway(path, owner);
  }
  const renewal = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), RENEW_MS);
  const release = async (): Promise<void> => {
    clearInterval(renewal);
    held.delete(token);
    if ((await readOwner(path))?.token === token) await rm(path, { force: true });
  };
  return { release };
}

/**
 * Runs `work` while holding the lock file `path`; waits until its owner releases it or dies.
 * @param onWait called once, when the process that holds the lock is known.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait: (holder: LockHolder) => void,
): Promise<T> {
  for (let isAnnounced = false; ;) {
    const attempt = await tryLock(path);
    if ('release' in attempt) return work().finally(attempt.release);
    if (attempt.holder !== null && !isAnnounced) {
      isAnnounced = true;
      onWait(attempt.holder);
    }
    await setTimeout(POLL_MS);
  }
}

/** The owner of a lock, for messages. */
export function describeHolder(holder: LockHolder | null): string {
  return holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`;
}

async function tryCreate(path: string, token: string): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null;
    throw error;
  });
  if (file === null) return false;
  held.add(token);
  try {
    await file.writeFile(JSON.stringify({ ...thisProcess(), token } satisfies Owner));
  } catch (error) {
    held.delete(token);
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

/** The owner; null when the lock has disappeared or cannot be read. A file without an owner counts as not written yet. */
async function readOwner(path: string): Promise<Owner | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const { pid, host, token, machine, started } = (JSON.parse(text) ?? {}) as Partial<Owner>;
    const isNamed = typeof pid === 'number' && typeof host === 'string' && typeof token === 'string';
    if (!isNamed) return UNNAMED;
    return {
      ...{ pid, host, token },
      ...(typeof machine === 'string' ? { machine } : {}),
      ...(typeof started === 'string' ? { started } : {}),
    };
  } catch {
    return UNNAMED;
  }
}

async function isDead(path: string, owner: Owner): Promise<boolean> {
  const isRunning = owner === UNNAMED ? null : isAlive(owner);
  if (isRunning === true && owner.pid === process.pid) return !held.has(owner.token);
  if (isRunning !== null) return !isRunning; // a stopped or sleeping process keeps its lock
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs > STALE_MS;
}

/** Removes a dead owner's lock, but never a newer one of another process: the owner is read again after the rename. */
async function takeAway(path: string, dead: Owner): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readOwner(aside);
  if (taken?.token !== dead.token) await rename(aside, path).catch(() => undefined);
  else await rm(aside, { force: true });
}
