// The optional package that decodes pictures, imported on first use.
import type * as SharpModule from 'sharp';
import { DataError, errorMessage } from '../errors.js';

/** @param name the picture's name in errors. @throws DataError when sharp is not installed */
export async function importSharp(name: string): Promise<typeof SharpModule.default> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new DataError(
      `${name}: pictures are read by the package sharp, which is not installed; run \`npm install sharp\` (${errorMessage(error)})`,
    );
  }
}
