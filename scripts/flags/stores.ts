// Flags of commands that write or describe region features.
import { DETECTOR_NAMES, type StoredDetector } from '../../src/node.js';

export const DETECTOR_DESCRIPTION = `name (${DETECTOR_NAMES.join(', ')}) or folder that \`visualbert convert\` wrote`;

export const HALF_FLAG = {
  half: { type: 'boolean', default: false, describe: 'store half floats: half the size, 11 significant bits' },
} as const;
export const OUTPUT_FLAG = {
  output: { type: 'string', demandOption: true, describe: 'file or folder to write' },
} as const;

/** `mmf-x101 (weights 1a2b3c4d)`. */
export function storedDetectorText({ name, weights = '' }: StoredDetector): string {
  return `${name ?? 'a detector of your own'}${weights === '' ? '' : ` (weights ${weights.slice(0, 8)})`}`;
}
