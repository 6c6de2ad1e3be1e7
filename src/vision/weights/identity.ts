// Which detector a folder holds: its name and the checksum of its weights.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DetectorIdentity } from '../../features/detector-identity.js';
import { WEIGHTS_FILE } from './convert.js';

/** The identity of the detector that was loaded from a folder. @throws what reading its weights throws */
export async function detectorIdentity(folder: string, name: string | null): Promise<Required<DetectorIdentity>> {
  return { name, weights: await fileChecksum(join(folder, WEIGHTS_FILE)) };
}

/** SHA-256 of a file, in hex. */
export async function fileChecksum(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
