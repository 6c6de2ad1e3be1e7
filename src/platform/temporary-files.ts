// Names of incomplete files, with their process, so that files of killed processes are found and removed.
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isAlive, thisProcess } from './process-identity.js';

/** A file of a process that cannot be checked (another machine, an earlier boot) counts as abandoned after this time without change. */
const ABANDONED_MS = 3_600_000;

const OWNER = /^(\d+)(?:-([0-9a-f]{8})-(\d*))?$/;
const TEMPORARY = /^\..+\.(\d+-[0-9a-f]{8}-\d*)-[0-9a-f]{8}\.tmp$/s;

/** Folders that this process has cleaned. */
const cleaned = new Set<string>();

/** The process as a part of file names. */
export function ownerName(): string {
  const { pid, machine, started = '' } = thisProcess();
  return `${pid}-${machine}-${started}`;
}

/** A hidden name in the folder of `path`, for its contents until they are complete. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${ownerName()}-${randomBytes(4).toString('hex')}.tmp`);
}

/**
 * Removes the temporary files of dead processes from a folder, once per process.
 * Files that cannot be read or removed are ignored: a later write reports the reason.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  if (cleaned.has(folder)) return;
  cleaned.add(folder);
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const [, owner] = TEMPORARY.exec(name) ?? [];
    if (owner !== undefined && (await isAbandoned(join(folder, name), owner)))
      await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

/** Whether the process that a temporary file is named after has ended. */
export async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const isRunning = isOwnerAlive(owner);
  if (isRunning !== null) return !isRunning;
  const info = await stat(path).catch(() => null);
  return info !== null && Date.now() - info.mtimeMs > ABANDONED_MS;
}

/** Whether the process in a file's name still runs: false when it has ended, null when it cannot be checked. */
function isOwnerAlive(owner: string): boolean | null {
  const [, pid, machine, started] = OWNER.exec(owner) ?? [];
  if (pid === undefined) return null;
  return isAlive({
    pid: Number(pid),
    host: hostname(),
    ...(machine ? { machine } : {}),
    ...(started ? { started } : {}),
  });
}
