// A small file system in memory, if this user may mount one, to fill up or to mount read-only.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  folder: string;
  /** Why there is none; null: it is mounted. */
  reason: string | null;
  /** Runs `work` while nothing can be written. */
  whileReadOnly(work: () => Promise<void>): Promise<void>;
  remove(): void;
}

export function mountSmallDisk(size = '512k'): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'));
  let reason: string | null = null;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    reason = (error instanceof Error ? error.message : String(error)).split('\n').at(-2) ?? 'mount failed';
  }
  return {
    folder,
    reason,
    whileReadOnly: async (work) => {
      execFileSync('mount', ['-o', 'remount,ro', folder]);
      try {
        await work();
      } finally {
        execFileSync('mount', ['-o', 'remount,rw', folder]);
      }
    },
    remove: () => {
      if (reason === null) execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}
