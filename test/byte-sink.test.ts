// Sinks copy what is written, so that the caller may reuse its array.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createSink } from '#platform';
import { type ByteSink, memorySink } from '../src/byte-sink.js';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

/** Writes the same array twice, changed in between. */
async function writeReused(sink: ByteSink, bytes: Uint8Array): Promise<void> {
  bytes.fill(1);
  await sink.write(bytes);
  bytes.fill(2);
  await sink.write(bytes);
  await sink.close();
}

test.each([
  ['Uint8Array', () => new Uint8Array(2)],
  ['Buffer', () => Buffer.alloc(2)],
])('a %s may be reused once it is written', async (_, make) => {
  const memory = memorySink('memory');
  await writeReused(memory, make());
  expect([...memory.bytes()]).toEqual([1, 1, 2, 2]);
  const folder = temporaryFolder();
  await writeReused(await createSink(join(folder, 'x')), make());
  expect([...readFileSync(join(folder, 'x'))]).toEqual([1, 1, 2, 2]);
});
