// A lock file keeps living processes apart, and yields to the next one when its process was killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { type LockHolder, tryLock, withLock } from '../../src/platform/lock-file.js';
import { thisProcess } from '../../src/platform/process-identity.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

/** A lock file of that content. */
function lockWith(text: string): string {
  const lock = join(temporaryFolder(), 'lock');
  writeFileSync(lock, text);
  return lock;
}

const textOf = (pid: number, host = hostname()): string => JSON.stringify({ pid, host, token: 'another' });
const SELF = { pid: process.pid, host: hostname() };

async function expectTaken(lock: string): Promise<void> {
  const attempt = await tryLock(lock);
  if (!('release' in attempt)) throw new Error(`the lock was left to ${JSON.stringify(attempt.holder)}`);
  expect(await tryLock(lock)).toMatchObject({ holder: SELF });
  await attempt.release();
  expect(readdirSync(dirname(lock))).toEqual([]);
}

describe('tryLock', () => {
  test.each([
    ['a process that is gone', textOf(2 ** 22 + 1)],
    ['an earlier process of the same number', textOf(process.pid)],
  ])('takes the lock of %s', async (_, text) => {
    await expectTaken(lockWith(text));
  });

  test.each([
    ['another machine', textOf(1, 'elsewhere'), { pid: 1, host: 'elsewhere' }],
    ['a process that has not named itself yet', '{"pid":', null],
    ['nobody that it names', 'null', null],
    ['an owner without a number', '{"host":"here"}', null],
  ])('leaves the lock to %s until it is no longer renewed', async (_, text, holder) => {
    const lock = lockWith(text);
    const attempt = await tryLock(lock);
    expect(attempt).toEqual({ holder: holder === null ? null : expect.objectContaining(holder) });
    utimesSync(lock, new Date(0), new Date(0));
    await expectTaken(lock);
  });

  const hasProcesses = existsSync('/proc/self/stat');
  (hasProcesses ? test : test.skip)('tells a living process from a dead one that still has its number', async () => {
    const parent = spawn('bash', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']); // never asks for the end of its child
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const child = Number(line.toString());
      expect(await tryLock(lockWith(textOf(Number(parent.pid))))).toMatchObject({ holder: { pid: parent.pid } });
      while (!readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z ')) await setTimeout(10);
      await expectTaken(lockWith(textOf(child)));
    } finally {
      parent.kill();
    }
  });
});

describe('the lock of a living process of this machine', () => {
  const hasSignals = process.platform !== 'win32';
  (hasSignals ? test : test.skip)('is never taken, however long it was not renewed: stopped, or asleep', async () => {
    const child = spawn('sleep', ['60']);
    try {
      child.kill('SIGSTOP');
      const lock = lockWith(textOf(Number(child.pid)));
      utimesSync(lock, new Date(0), new Date(0));
      expect(await tryLock(lock)).toEqual({ holder: { pid: child.pid, host: hostname() } });
      const own = await tryLock(join(dirname(lock), 'own'));
      utimesSync(join(dirname(lock), 'own'), new Date(0), new Date(0));
      expect(await tryLock(join(dirname(lock), 'own'))).toEqual({ holder: SELF });
      if ('release' in own) await own.release();
    } finally {
      child.kill('SIGKILL');
    }
  });

  const knowsStarts = thisProcess().started !== undefined;
  (knowsStarts ? test : test.skip)('is told from that of an earlier process with its number', async () => {
    const earlier = { ...thisProcess(), pid: process.ppid, started: '1', token: 'another' };
    await expectTaken(lockWith(JSON.stringify(earlier)));
  });

  test('is told from one of another start of the machine, or container, which only its renewal keeps', async () => {
    const lock = lockWith(JSON.stringify({ ...thisProcess(), machine: 'ffffffff', token: 'another' }));
    expect(await tryLock(lock)).toEqual({ holder: SELF });
    utimesSync(lock, new Date(0), new Date(0));
    await expectTaken(lock);
  });
});

test('what is in the place of a lock and no file is an error, not waited for', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'lock'));
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  for (const name of ['lock', 'link'])
    await expect(tryLock(join(folder, name))).rejects.toThrow(`${name}: the lock can neither be created nor read`);
});

describe('withLock', () => {
  test('waits for its turn, and names the holder once the lock does', async () => {
    const lock = lockWith(''); // as it is between its making and its writing
    const waited: LockHolder[] = [];
    const done = withLock(
      lock,
      async () => 'done',
      (holder) => waited.push(holder),
    );
    await setTimeout(300);
    expect(waited).toEqual([]);
    writeFileSync(lock, textOf(process.ppid));
    while (waited.length === 0) await setTimeout(20);
    rmSync(lock);
    expect(await done).toBe('done');
    expect(waited).toEqual([expect.objectContaining({ pid: process.ppid, host: hostname() })]);
    expect(readdirSync(dirname(lock))).toEqual([]);
  });
});
