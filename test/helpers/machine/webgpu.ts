// WebGPU in Node: Dawn over SwiftShader, the software device of Debian's Chromium.
import { afterAll, beforeAll, describe } from '@jest/globals';
import { selectBackend } from '../../../src/engine/select-backend.js';
import { useBackend } from '../backend.js';

/** Describes tests on the WebGPU backend. Without a device they are skipped, with a reason. */
export function describeOnWebGpu(name: string, tests: () => void): void {
  const hasDevice = process.env['VK_ICD_FILENAMES'] !== undefined; // by jest.slow.config.mjs
  if (!hasDevice)
    process.stderr.write(`skipped: ${name}, for there is no device (apt-get install chromium libvulkan1)\n`);
  (hasDevice ? describe : describe.skip)(name, () => {
    beforeAll(async () => {
      await selectBackend({ backend: 'webgpu' });
    });
    afterAll(async () => {
      await useBackend();
    });
    tests();
  });
}
