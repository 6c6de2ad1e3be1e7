// The slow tier: packed tarballs, several Nodes, kill and fuzz runs. `npm run test:slow`.
import base from './jest.config.mjs';

export default {
  ...base,
  testMatch: ['<rootDir>/test/slow/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 1_200_000,
};
