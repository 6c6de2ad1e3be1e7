// Identifies a process by its id, machine and start time, so that a reused id is not taken for the old process.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process of this machine or another one. */
export interface ProcessIdentity {
  pid: number;
  host: string;
  /** Identifies the machine's boot and the container, within which process ids are unique. */
  machine?: string;
  /** Start time of the process, in the system's unit. */
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
 * Whether a process runs, even if it belongs to another user or is stopped, but not if it is a zombie. Null for a process of another
 * machine, container or boot, whose state is unknown.
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

/** Field 22 of /proc/PID/stat; empty where the system has no such file. */
function startOf(pid: number): { started?: string } {
  const started = fieldsOf(pid)[19];
  return started === undefined ? {} : { started };
}

/** The fields after the program's name, which may contain any character: state, parent, ... */
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
