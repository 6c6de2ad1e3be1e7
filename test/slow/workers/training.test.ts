// `visualbert train` over several processes equals the run of one process, also after the loss of workers.
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { freePorts } from '../../../src/cluster/free-ports.js';
import { argsOf, childrenOf, folderOf, lossesOf, startWorker } from '../../helpers/command-line/worker-runs.js';
import { visualbert } from '../../helpers/command-line/command.js';

async function expectSameRun(run: string): Promise<void> {
  const [found, expected] = await Promise.all([lossesOf(run), lossesOf('alone')]);
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  const accuracies = (all: Record<string, number>): [string, number][] =>
    Object.entries(all).filter(([key]) => key.endsWith('accuracy'));
  expect(accuracies(found)).toEqual(accuracies(expected));
  const distance = Math.max(...Object.entries(expected).map(([key, value]) => Math.abs(value - (found[key] ?? NaN))));
  expect(distance).toBeLessThan(1e-5);
}

test('two and four workers make the run of one, short batches included', async () => {
  expect((await visualbert(argsOf('alone'))).code).toBe(0);
  for (const workers of ['2', '4']) {
    expect((await visualbert([...argsOf(`of-${workers}`), '--workers', workers])).code).toBe(0);
    await expectSameRun(`of-${workers}`);
  }
});

test.each([0, 1])('killed, worker %i is started again, and the run ends as if nothing had been', async (killed) => {
  const run = `killed-${killed}`;
  const { code, stderr } = await visualbert([...argsOf(run), '--workers', '2'], 'evaluation after step 6', (launcher) =>
    process.kill(childrenOf(launcher)[killed] ?? NaN, 'SIGKILL'),
  );
  expect(stderr).toContain(`worker ${killed} was ended by SIGKILL: starting all workers again (1 of at most 3 times)`);
  expect(code).toBe(0);
  await expectSameRun(run);
});

test('--stop-after counts from the start of the command, also after a restart of the workers', async () => {
  expect((await visualbert([...argsOf('counted'), '--workers', '2', '--stop-after', '2'])).code).toBe(0);
  const { code, stdout, stderr } = await visualbert(
    [...argsOf('counted'), '--workers', '2', '--resume', '--stop-after=8'],
    'evaluation after step 6',
    (launcher) => process.kill(childrenOf(launcher)[1] ?? NaN, 'SIGKILL'),
  );
  expect(stderr).toContain('starting all workers again');
  expect(stdout).toContain('stopped after step 10 of 12');
  expect(code).toBe(0);
});

test('a run that was stopped goes on with another number of workers', async () => {
  expect((await visualbert([...argsOf('changed'), '--workers', '2', '--stop-after', '5'])).code).toBe(0);
  expect((await visualbert([...argsOf('changed'), '--workers', '4', '--resume'])).code).toBe(0);
  await expectSameRun('changed');
});

test('a worker that does not come, differs or finds its port in use ends all with its name', async () => {
  const addressesOf = async (): Promise<string[]> => (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const alone = await addressesOf();
  const missing = await startWorker(alone, 0, [...argsOf('missing'), '--worker-timeout', '2']);
  expect(missing).toMatchObject({
    code: 138,
    stderr: expect.stringContaining(`worker 1 (${alone[1]}) did not come within 2 s`),
  });

  const addresses = await addressesOf();
  const ends = await Promise.all([
    startWorker(addresses, 0, argsOf('unlike')),
    startWorker(addresses, 1, [...argsOf('unlike'), '--seed', '5']),
  ]);
  for (const { code, stderr } of ends) {
    expect(stderr).toContain('worker 1 differs from worker 0: ');
    expect(stderr).toMatch(/seed.* is 5, not 0/);
    expect(code).toBe(1);
  }
  expect(existsSync(join(folderOf('unlike'), 'checkpoints'))).toBe(false);

  const taken = createServer();
  await new Promise<void>((listening) => taken.listen(0, listening));
  const { port } = taken.address() as AddressInfo;
  const refused = await startWorker([`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`], 0, argsOf('refused'));
  taken.close();
  expect(refused).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`worker 0 (127.0.0.1:${port}) cannot listen`),
  });
});
