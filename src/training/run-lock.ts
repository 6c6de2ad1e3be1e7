// One process at a time in a run folder: two would remove each other's half-written checkpoints and mix their figures.
import { randomUUID } from 'node:crypto';
import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TrainingError } from '../errors.js';

const LOCK_FILE = '.lock';
/** The holder renews its lock this often; one that is older than STALE_MS was left by a process that was killed. */
const RENEW_MS = 5_000;
const STALE_MS = 60_000;

interface Holder {
  pid: number;
  host: string;
  token: string;
}

/** Locks of this process: after a restart in a container an old lock may name the same process number. */
const held = new Set<string>();

/**
 * Takes the lock of a run folder, also from a process that was killed.
 * @returns gives it back
 * @throws TrainingError when another process works in the folder
 */
export async function lockRunFolder(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, LOCK_FILE);
  const token = randomUUID();
  const holder = await holderOf(path);
  if (holder !== null && (await isAlive(path, holder))) {
    throw new TrainingError(
      `${dir}: process ${holder.pid} on ${holder.host} is training in this folder; wait for its end, or choose another outputDir`,
    );
  }
  await rm(path, { force: true });
  const isTaken = await write(path, { pid: process.pid, host: hostname(), token });
  if (!isTaken) return async () => undefined;
  held.add(token);
  const renewal = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), RENEW_MS);
  return async () => {
    clearInterval(renewal);
    held.delete(token);
    if ((await holderOf(path))?.token === token) await rm(path, { force: true });
  };
}

/** False where nothing can be written: whoever needs a file there says so better. */
async function write(path: string, holder: Holder): Promise<boolean> {
  const file = await open(path, 'wx').catch(() => null);
  await file?.writeFile(JSON.stringify(holder)).finally(() => file.close());
  return file !== null;
}

/** Null: there is no lock, or none that was written to its end. */
async function holderOf(path: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder | null;
  } catch {
    return null;
  }
}

async function isAlive(path: string, { pid, host, token }: Holder): Promise<boolean> {
  if (host === hostname()) {
    if (pid === process.pid) return held.has(token);
    if (!(await isRunning(pid))) return false;
  }
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs < STALE_MS;
}

/** Whether a process of this machine runs; a killed one for whose end nobody has asked still has its number. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return !/^\d+ \(.*\) [ZX] /s.test(status);
}
