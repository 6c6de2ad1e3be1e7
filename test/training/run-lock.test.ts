// The lock of a run folder keeps living processes apart, and yields to the next one when its process was killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { lockRunFolder } from '../../src/training/run-lock.js';

/** A folder with a lock file of that content. */
function folderWith(text: string): { dir: string; lock: string } {
  const dir = mkdtempSync(join(tmpdir(), 'lock-'));
  const lock = join(dir, '.lock');
  writeFileSync(lock, text);
  return { dir, lock };
}

const lockOf = (pid: number, host = hostname()): string => JSON.stringify({ pid, host, token: 'another' });

async function expectTaken(dir: string): Promise<void> {
  const unlock = await lockRunFolder(dir);
  await expect(lockRunFolder(dir)).rejects.toThrow(/process \d+ on .* is training in this folder; wait for its end/);
  await unlock();
  expect(existsSync(join(dir, '.lock'))).toBe(false);
}

describe('lockRunFolder', () => {
  test.each([
    ['a process that is gone', lockOf(2 ** 22 + 1)],
    ['an earlier process of the same number', lockOf(process.pid)],
    ['nobody, cut short', '{"pid":'],
  ])('takes the lock of %s', async (_, text) => {
    await expectTaken(folderWith(text).dir);
  });

  test('leaves the folder to another machine as long as that renews its lock', async () => {
    const { dir, lock } = folderWith(lockOf(1, 'elsewhere'));
    await expect(lockRunFolder(dir)).rejects.toThrow(/process 1 on elsewhere is training in this folder/);
    utimesSync(lock, new Date(0), new Date(0));
    await expectTaken(dir);
  });

  const hasProcesses = existsSync('/proc/self/stat');
  (hasProcesses ? test : test.skip)('tells a living process from a dead one that still has its number', async () => {
    const parent = spawn('bash', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']); // never asks for the end of its child
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const child = Number(line.toString());
      await expect(lockRunFolder(folderWith(lockOf(Number(parent.pid))).dir)).rejects.toThrow(/is training/);
      while (!readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z '))
        await new Promise((resolve) => setTimeout(resolve, 10));
      await expectTaken(folderWith(lockOf(child)).dir);
    } finally {
      parent.kill();
    }
  });
});
