// Identity of the detector in a folder: its name and the checksum of its weights.
import { join } from 'node:path';
import type { DetectorIdentity } from '../../features/detector-identity.js';
import { fileDigest } from '../../platform/file-digest.js';
import { WEIGHTS_FILE } from './write.js';

/** The identity of the detector that was loaded from a folder. @throws what reading its weights throws */
export async function detectorIdentity(
  folder: string,
  name: string | null,
): Promise<Required<Pick<DetectorIdentity, 'name' | 'weights'>>> {
  return { name, weights: await fileDigest(join(folder, WEIGHTS_FILE)) };
}
