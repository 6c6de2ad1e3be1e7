// The paths among the settings of a run: relative ones begin at the folder in which its training was started, wherever it is used.
import { isAbsolute, join } from 'node:path';
import { exists, isUrl } from '#platform';
import { ConfigError } from '../errors.js';
import { optionRole } from '../tasks/shared/options.js';

/** A path that does not exist from here, but from the folder in which training was started, as it is there. */
export async function fromStart<P extends string | null>(path: P, startedIn: string | undefined): Promise<P | string> {
  if (path === null || startedIn === undefined || isAbsolute(path) || isUrl(path) || (await exists(path))) return path;
  const there = join(startedIn, path);
  return (await exists(there)) ? there : path;
}

/** The options of a task with their paths as `fromStart` finds them. */
export async function dataFromStart(
  data: Record<string, unknown>,
  startedIn: string | undefined,
): Promise<Record<string, unknown>> {
  const found = Object.entries(data).map(async ([name, value]): Promise<[string, unknown]> => {
    if (optionRole(name).isPath !== true) return [name, value];
    const paths = await Promise.all(pathsOf(value).map((path) => fromStart(path, startedIn)));
    return [name, Array.isArray(value) ? paths : (paths[0] ?? value)];
  });
  return Object.fromEntries(await Promise.all(found));
}

/**
 * Checks that the files of a run's settings are there, of those that will be read.
 * @param run its folder
 * @throws ConfigError naming the first that is not
 */
export async function requireStoredPaths(run: string, data: Record<string, unknown>): Promise<void> {
  for (const [name, value] of Object.entries(data)) {
    for (const path of optionRole(name).isPath === true ? pathsOf(value) : []) {
      if (isUrl(path) || (await exists(path))) continue;
      const remedy = isAbsolute(path)
        ? 'give'
        : 'start the command in the folder in which training was started, or give';
      throw new ConfigError(
        `${path}: no such file or folder; the run ${run} names it as \`${name}\`: ${remedy} \`${name}\``,
      );
    }
  }
}

function pathsOf(value: unknown): string[] {
  return [value].flat().filter((path): path is string => typeof path === 'string');
}
