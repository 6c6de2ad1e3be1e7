// HDF5 files where h5wasm is not installed.
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';

test('tells how to install the library that reads HDF5', async () => {
  jest.unstable_mockModule('h5wasm', () => {
    throw new Error("Cannot find package 'h5wasm'");
  });
  const { openRegionFeatures } = await import('../../../src/features/open.js');
  await expect(openRegionFeatures(join('test', 'fixtures', 'features', 'train36.hdf5'))).rejects.toThrow(
    /train36\.hdf5: HDF5 files are read by the package h5wasm, which is not installed; run `npm install h5wasm` \(Cannot find package/,
  );
});
