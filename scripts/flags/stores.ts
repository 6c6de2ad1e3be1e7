// Flags of commands that write or describe region features.
import { flagsOf } from './settings.js';
import { DETECTOR_NAMES } from '../../src/node.js';
import { EXTRACT_OPTIONS } from './internal.js';

export const DETECTOR_DESCRIPTION = `name (${DETECTOR_NAMES.join(', ')}), or folder or hub repository with the files that \`visualbert convert\` writes`;

export const HALF_FLAG = flagsOf({ half: EXTRACT_OPTIONS.half });
