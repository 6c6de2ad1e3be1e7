// Two processes as workers of a cluster, of which one dies or never connects.
import { describe, expect, test } from '@jest/globals';
import { freePorts } from '../../../src/cluster/free-ports.js';
import { useBackend } from '../../helpers/backend.js';
import { addressesOf, runWorker } from '../../engine/session/cluster-worker.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? describe : describe.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of servers are skipped: ${reason}\n`);

onEngine('servers of a cluster', () => {
  test('a worker that dies ends the run of the other with an error', async () => {
    const addresses = addressesOf(await freePorts(2));
    const [survivor, dead] = await Promise.all([runWorker(addresses, 0), runWorker(addresses, 1, 2, true)]);
    expect(dead).toBeNull();
    expect(survivor?.error).toMatch(/Collective ops is aborted|timed out/);
  });

  test('a worker that never comes is waited for only so long', async () => {
    const alone = await runWorker(addressesOf(await freePorts(2)), 0);
    expect(alone?.error).toMatch(/timed out waiting for other workers/);
  });
});
