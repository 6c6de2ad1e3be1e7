// Three hosts, each a network namespace, whose connections are cut during a run: every worker ends in time and names the lost ones.
import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Finished } from '../../helpers/command-line/command.js';
import { argsOf, startCommand, workerOf } from '../../helpers/command-line/worker-runs.js';

const TIMEOUT_SECONDS = 12;
const PORT = 2222;
const HOSTS = [0, 1, 2] as const;

const id = `vb${process.pid}`;
const [middle, ...hosts] = [`${id}m`, ...HOSTS.map((host) => `${id}h${host}`)] as [string, ...string[]];
const addressOf = (host: number): string => `10.99.0.${host + 1}`;
const addresses = HOSTS.map((host) => `${addressOf(host)}:${PORT}`);

const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' });
const isAllowed = spawnSync('ip', ['netns', 'add', middle]).status === 0;
if (!isAllowed) process.stderr.write('tests of partitions are skipped: `ip netns add` is refused, which needs root\n');

beforeAll(() => {
  if (!isAllowed) return;
  ip('-n', middle, 'link', 'add', 'bridge', 'type', 'bridge');
  ip('-n', middle, 'link', 'set', 'bridge', 'up');
  for (const [host, name] of hosts.entries()) {
    ip('netns', 'add', name);
    ip('-n', name, 'link', 'add', 'eth', 'type', 'veth', 'peer', 'name', `to${host}`, 'netns', middle);
    ip('-n', middle, 'link', 'set', `to${host}`, 'master', 'bridge', 'up');
    ip('-n', name, 'address', 'add', `${addressOf(host)}/24`, 'dev', 'eth');
    for (const device of ['eth', 'lo']) ip('-n', name, 'link', 'set', device, 'up');
  }
});

afterAll(() => {
  if (isAllowed) for (const name of [...hosts, middle]) spawnSync('ip', ['netns', 'delete', name]);
});

/** A pattern of the name of a worker. */
const name = (host: number): string => `worker ${host} \\(${addresses[host]}\\)`;

/** Trains on all hosts, cuts once the run evaluates, and returns the ends; prints how long they took from there. */
async function runAndCut(run: string, cut: () => void): Promise<Finished[]> {
  let cutAt = 0;
  const args = [
    ...argsOf(run, { epochs: 5000, batchSize: 6 }),
    '--evaluate-every',
    '20',
    '--worker-timeout',
    `${TIMEOUT_SECONDS}`,
  ];
  const started = HOSTS.map((host) =>
    startCommand(args, {
      env: workerOf(addresses, host),
      within: ['ip', 'netns', 'exec', hosts[host] ?? ''],
      onOutput: (printed) => {
        if (cutAt !== 0 || !printed.includes('evaluation after step 40')) return;
        cutAt = performance.now();
        cut();
      },
    }),
  );
  return Promise.all(
    started.map(async ({ end }, host) => {
      const finished = await end;
      const seconds = ((performance.now() - cutAt) / 1000).toFixed(1);
      process.stderr.write(
        `partition ${run}: worker ${host} ended ${seconds} s after it, with --worker-timeout ${TIMEOUT_SECONDS}\n`,
      );
      return finished;
    }),
  );
}

(isAllowed ? describe : describe.skip)('a partition', () => {
  test('of one host from all others ends all, and names who was lost', async () => {
    const ends = await runAndCut('apart', () => ip('-n', middle, 'link', 'set', 'to2', 'down'));
    ip('-n', middle, 'link', 'set', 'to2', 'up');
    for (const [host, { code, signal, stderr }] of ends.entries()) {
      expect({ host, code, signal, stderr }).toMatchObject({ code: 138, signal: null });
      const lost = name(host === 2 ? 0 : 2); // by its silence, or by its port: whichever is noticed first
      expect(stderr).toMatch(new RegExp(`${lost} was lost: no message for |cannot reach ${lost}`));
    }
  });

  test('of two hosts that both reach worker 0 ends all, and names one of the two at least', async () => {
    const ends = await runAndCut('between', () => {
      ip('-n', hosts[1] ?? '', 'route', 'add', 'blackhole', `${addressOf(2)}/32`);
      ip('-n', hosts[2] ?? '', 'route', 'add', 'blackhole', `${addressOf(1)}/32`);
    });
    for (const [host, { code, signal, stderr }] of ends.entries()) {
      expect({ host, code, signal, stderr }).toMatchObject({ code: 138, signal: null });
      // Both are named, unless the connection of one ends before the others have heard why.
      const [first, second] = [name(1), name(2)];
      expect(stderr).toMatch(
        new RegExp(`${first} cannot reach ${second}|${second} cannot reach ${first}|(?:${first}|${second}) was lost`),
      );
    }
  });
});
