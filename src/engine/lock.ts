// A lock between processes: one installs, the others wait for it; the lock of a process that died is taken over.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';

/** The holder renews its lock this often; one not renewed for STALE_MS belongs to a dead process, perhaps of another machine on a shared home. */
const RENEW_MS = 5_000;
const STALE_MS = 60_000;
const POLL_MS = 200;

interface Holder {
  pid: number;
  host: string;
  token: string;
}

/** Holder of a lock file between its making and its writing: it cannot be asked yet, and if it died there only the file's age tells. */
const UNNAMED: Holder = { pid: 0, host: '', token: '' };

/**
 * Runs `work` while holding the lock file `path`.
 * What it guards must be safe without it too (written aside, renamed into place): the lock saves the second process its work, no more.
 * @param onWait called once when another process holds the lock, as soon as the lock names that process.
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  onWait: (pid: number) => void = () => undefined,
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const token = randomUUID();
  let waiting = false;
  while (!(await tryAcquire(path, token))) {
    const holder = await readHolder(path);
    if (holder !== null && (await isDead(path, holder))) {
      await takeAway(path, holder);
      continue;
    }
    if (holder !== null && holder !== UNNAMED && !waiting) {
      waiting = true;
      onWait(holder.pid);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const renewal = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    if ((await readHolder(path))?.token === token) await rm(path, { force: true });
  }
}

async function tryAcquire(path: string, token: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname(), token } satisfies Holder));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** null: the lock is gone. */
async function readHolder(path: string): Promise<Holder | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return UNNAMED;
  }
}

async function isDead(path: string, holder: Holder): Promise<boolean> {
  if (holder.host === hostname()) {
    try {
      process.kill(holder.pid, 0);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH';
    }
  }
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs > STALE_MS;
}

/** Removes a dead holder's lock, and never one that another waiter made in the meantime: rename tells whose it was. */
async function takeAway(path: string, dead: Holder): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readHolder(aside);
  if (taken?.token !== dead.token) await rename(aside, path).catch(() => undefined);
  else await rm(aside, { force: true });
}
