// Identifies a process by its number, its machine and its start time, so that a reused number is not taken for the old process.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process of this machine or another one. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** Names the machine since it was started, and the container: numbers of processes count within it. */
  machine?: string;
  /** When the process began, in the system's own unit. */
  started?: string;
}

const HERE = createHash('sha256')
  .update([hostname(), textOf('/proc/sys/kernel/random/boot_id'), linkOf('/proc/self/ns/pid')].join('\n'))
  .digest('hex')
  .slice(0, 8);

let own: ProcessIdentity | null = null;

/** The current process. */
export function thisProcess(): Readonly<Required<Pick<ProcessIdentity, 'machine'>> & ProcessIdentity> {
  own ??= { pid: process.pid, host: hostname(), machine: HERE, ...startOf(process.pid) };
  return { ...own, machine: HERE };
}

/**
 * Whether a process runs: also one of another user, a stopped one, and one on a machine that slept, but not a zombie. Null for a process of
 * another machine, container or boot, which is unknown here.
 */
export function isAlive({ pid, host, machine, started }: ProcessIdentity): boolean | null {
  if (host !== hostname() || (machine !== undefined && machine !== HERE)) return null;
  if (!isRunning(pid)) return false;
  const found = startOf(pid).started;
  return started === undefined || found === undefined || found === started;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return !/^[ZX]$/.test(fieldsOf(pid)[0] ?? '');
}

/** Field 22 of /proc/PID/stat; nothing where the system has no such file. */
function startOf(pid: number): { started?: string } {
  const started = fieldsOf(pid)[19];
  return started === undefined ? {} : { started };
}

/** What follows the name of the program, which may hold anything: state, parent, ... */
function fieldsOf(pid: number): string[] {
  const [, fields = ''] = /^\d+ \(.*\) (.*)/s.exec(textOf(`/proc/${pid}/stat`)) ?? [];
  return fields === '' ? [] : fields.trim().split(' ');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
