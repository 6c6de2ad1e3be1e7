// The command that users start.
import { join } from 'node:path';
import { checkoutFolder } from './python-env.js';

/** Path of the built command. */
export const VISUALBERT = join(checkoutFolder(), 'dist', 'bundle', 'visualbert.js');
