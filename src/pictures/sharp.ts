// The optional package that decodes pictures, imported when the first one comes.
import type * as SharpModule from 'sharp';
import { DataError, errorMessage } from '../errors.js';

/** @param name what the error calls the picture. @throws DataError when sharp is not installed */
export async function importSharp(name: string): Promise<typeof SharpModule.default> {
  try {
    return (await import('sharp')).default;
  } catch (error) {
    throw new DataError(
      `${name}: pictures are read by the package sharp, which is not installed here; run \`npm install sharp\` (${errorMessage(error)})`,
    );
  }
}
