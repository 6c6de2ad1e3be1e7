// Inspecting 10 GB reads headers only, in either format; the files are sparse.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { writeSparseCheckpoint } from '../../bench/data/sparse-checkpoint.js';
import { inspectCheckpoint } from '../../src/convert/inspect.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

/** Keys, shapes and offsets of 5,600 tensors are below one MB. */
const MOST_BYTES_READ = 8e6;
const MOST_MEMORY = 100e6;

let scratch: string;
beforeAll(() => {
  scratch = temporaryFolder();
});

/** Bytes that this process has read by system calls; null where the system does not say. */
function bytesRead(): number | null {
  try {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
  } catch {
    return null;
  }
}

test.each(['safetensors', 'pytorch'] as const)('inspects 10 GB of %s by its headers', async (format) => {
  const { path, tensors, bytes } = await writeSparseCheckpoint(join(scratch, format), format);
  expect(bytes).toBeGreaterThan(10e9);
  await inspectCheckpoint('test/fixtures/checkpoints/tiny-vqa'); // loads what only the first call loads
  const [read, resident] = [bytesRead(), process.memoryUsage().rss];
  const found = await inspectCheckpoint(path);
  const after = bytesRead();
  expect(found).toMatchObject({
    layout: 'transformers',
    architecture: 'VisualBertForQuestionAnswering',
    missing: [],
    tensorBytes: bytes,
    traits: { numHiddenLayers: 350, numLabels: 3129 },
  });
  expect(found.tensors).toHaveLength(tensors);
  expect(found.fileBytes).toBeGreaterThan(bytes);
  if (read !== null && after !== null) expect(after - read).toBeLessThan(MOST_BYTES_READ);
  expect(process.memoryUsage().rss - resident).toBeLessThan(MOST_MEMORY);
  if (format === 'pytorch') expect(statSync(path).blocks * 512).toBeLessThan(50e6); // it was a hole indeed
});
