// findDetector: finds the folder of a detector by path or name; weights of a name are downloaded and converted once.
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, hubFile, type HubOptions, isFolder, isUrl, makeFolder } from '#platform';
import { CheckpointError, ConfigError, errorMessage } from '../../errors.js';
import { info } from '../../logger.js';
import { cacheRoot } from '../../platform/cache-root.js';
import { withLock } from '../../platform/lock-file.js';
import { webFile } from '../../platform/hub/web-file.js';
import { DETECTOR_NAMES, type DetectorName } from '../detector/presets.js';
import { convertDetector } from './convert.js';
import { PUBLISHED_WEIGHTS } from './published.js';

/** Options of downloads. */
export type FindDetectorOptions = Pick<HubOptions, 'cacheDir' | 'token' | 'localFilesOnly' | 'onProgress'>;

/**
 * Returns the folder of a detector, for `RegionDetector.fromPretrained`. For a name (see `namedDetector`), the published weights are downloaded and
 * converted once, into `detectors` in the package's cache (`VISUALBERT_CACHE`).
 * @param where a name, or a folder that `visualbert convert` wrote.
 * @throws ConfigError when it is neither; CheckpointError when the weights cannot be downloaded, with instructions.
 * @example
 * const detector = await RegionDetector.fromPretrained(await findDetector('mmf-x101'));
 * await detector.dispose();
 */
export async function findDetector(where: string, options: FindDetectorOptions = {}): Promise<string> {
  if (await isFolder(where)) return where;
  if (!isName(where)) throw notFound(where, await exists(where));
  const folder = join(cacheRoot(), 'detectors', where);
  if (await exists(join(folder, 'config.json'))) return folder;
  await makeFolder(dirname(folder));
  await withLock(
    `${folder}.lock`,
    async () => {
      if (!(await exists(join(folder, 'config.json')))) await fetchDetector(where, folder, options);
    },
    ({ pid, host }) => info(`waiting for process ${pid} on ${host}, which is fetching the detector ${where}`),
  );
  return folder;
}

function isName(where: string): where is DetectorName {
  return (DETECTOR_NAMES as readonly string[]).includes(where);
}

function notFound(where: string, isThere: boolean): ConfigError {
  return new ConfigError(
    `${where}: expected the name of a detector (${DETECTOR_NAMES.join(', ')}) or the folder of one` +
      (isThere
        ? `; write it from this file with \`visualbert convert ${where} FOLDER --detector NAME\``
        : ', found none'),
  );
}

async function fetchDetector(name: DetectorName, folder: string, options: FindDetectorOptions): Promise<void> {
  const downloads = join(dirname(folder), 'downloads');
  const failures: string[] = [];
  for (const source of PUBLISHED_WEIGHTS[name]) {
    const path = await fetchSource(source, downloads, options).catch((error: unknown) => {
      failures.push(errorMessage(error));
      return null;
    });
    if (path === null) continue;
    const partial = `${folder}.partial`;
    await rm(partial, { recursive: true, force: true });
    await convertDetector(path, { outDir: partial, detector: name });
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    if (isUrl(source)) await rm(path, { force: true }); // converted: the original is no longer needed
    return;
  }
  const [first = ''] = PUBLISHED_WEIGHTS[name].filter(isUrl);
  throw new CheckpointError(
    `detector ${name}: its weights are not in ${folder} and could not be downloaded (${failures.join('; ')}). On a machine with network access, download ` +
      `${first}; then \`visualbert convert FILE FOLDER --detector ${name}\` writes the folder to give instead of the name`,
  );
}

async function fetchSource(source: string, downloads: string, options: FindDetectorOptions): Promise<string> {
  if (isUrl(source)) return webFile(source, downloads, options);
  const [owner, repository, file] = source.split('/');
  const path = await hubFile(`${owner}/${repository}`, file as string, options);
  if (path !== null) return path;
  throw new CheckpointError(`${owner}/${repository}: has no ${file}`);
}
