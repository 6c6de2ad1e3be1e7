// Tests run as ES modules; swc strips the types (tsc checks them in `npm run check`).
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } },
    ],
  },
  moduleNameMapper: {
    '^#platform$': '<rootDir>/src/platform/node.ts',
    '^#tf$': '<rootDir>/src/tfjs/node.ts',
    '^#vision$': '<rootDir>/src/vision/host/node.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/slow/', '<rootDir>/test/gpu/'],
  globalSetup: '<rootDir>/test/helpers/machine/global-setup.mjs',
  globalTeardown: '<rootDir>/test/helpers/machine/global-teardown.mjs',
  maxWorkers: 2,
  testTimeout: 240_000,
};
