// The user's cache folder for what the package downloads and builds: engines and detectors. Node only.
import { homedir } from 'node:os';
import { join } from 'node:path';

/** `VISUALBERT_CACHE`, else `XDG_CACHE_HOME/visualbert`, else the system's usual folder. */
export function cacheRoot(env: NodeJS.ProcessEnv = process.env): string {
  if (env['VISUALBERT_CACHE']) return env['VISUALBERT_CACHE'];
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'visualbert');
  return process.platform === 'darwin'
    ? join(homedir(), 'Library', 'Caches', 'visualbert')
    : join(homedir(), '.cache', 'visualbert');
}
