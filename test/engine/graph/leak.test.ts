// A compiled step keeps nothing of its runs.
import { expect, test } from '@jest/globals';
import { useBackend } from '../../helpers/backend.js';
import { growthOver, INPUT_BYTES } from './leak.js';

const STEPS = 300;

test(`a compiled step leaks neither tensors nor memory over ${STEPS} runs`, async () => {
  const choice = await useBackend();
  if (choice.backend !== 'tensorflow') return void process.stdout.write(`skipped: ${choice.reason}\n`);
  const { tensors, bytes } = await growthOver(STEPS);
  expect(tensors).toBe(0);
  // A kept input or output would be a megabyte a run; JavaScript's own garbage may wait for its collection.
  expect(bytes).toBeLessThan(0.4 * STEPS * INPUT_BYTES);
});
