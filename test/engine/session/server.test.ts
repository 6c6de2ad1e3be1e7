// Two processes as workers of a cluster: sums inside a recorded function.
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { useBackend } from '../../helpers/backend.js';
import { freePorts } from '../../helpers/ports.js';
import { addressesOf, runWorker } from './cluster-worker.js';

const { backend, reason } = await useBackend();
const onEngine = backend === 'tensorflow' ? describe : describe.skip;
if (backend !== 'tensorflow') process.stderr.write(`tests of servers are skipped: ${reason}\n`);

onEngine('servers of a cluster', () => {
  test('two processes get the sum of both, in float32 and in bfloat16, with variables of their own', async () => {
    const addresses = addressesOf(await freePorts(2));
    const results = await Promise.all([runWorker(addresses, 0), runWorker(addresses, 1)]);
    // 1/3 and 2/3 in bfloat16 are 0.333984375 and 0.66796875; their sum rounds to 1.
    const expected = { outputs: [[1, 2], [1, 2]], total: [6, 12] }; // prettier-ignore
    expect(results).toEqual([expected, expected]);
  });

  test('a port in use is named', async () => {
    const addresses = addressesOf(await freePorts(2));
    const port = Number(addresses[0]?.split(':')[1]);
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(port, '0.0.0.0', listening));
    const refused = await runWorker(addresses, 0);
    await new Promise((closed) => taken.close(closed));
    expect(refused?.error).toContain(`worker 0 cannot listen on 127.0.0.1:${port}`);
  });
});
