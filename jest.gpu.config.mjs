// The gpu tier: what can only be seen on an NVIDIA card. `npm run test:gpu`.
import base from './jest.config.mjs';

// Products in fp32 itself, as PyTorch's fixtures have them: CUDA reads the variable when it starts.
process.env.NVIDIA_TF32_OVERRIDE ??= '0';

export default {
  ...base,
  testMatch: ['<rootDir>/test/gpu/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 300_000,
};
