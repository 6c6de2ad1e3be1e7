// The slow tier: packed tarballs, several Nodes, kill and fuzz runs. `npm run test:slow`.
import { existsSync } from 'node:fs';
import base from './jest.config.mjs';

// The software device of Debian's Chromium, for the tests on WebGPU. Vulkan reads the variable itself: a test's own process.env is a copy.
const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const VULKAN = ['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/libvulkan.so.1`);
if (existsSync(SWIFTSHADER) && VULKAN.some(existsSync)) process.env.VK_ICD_FILENAMES ??= SWIFTSHADER;

export default {
  ...base,
  testMatch: ['<rootDir>/test/slow/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 1_200_000,
};
