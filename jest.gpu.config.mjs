// The gpu tier: what can only be seen on an NVIDIA card. `npm run test:gpu`.
import base from './jest.config.mjs';

export default {
  ...base,
  testMatch: ['<rootDir>/test/gpu/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 300_000,
};
