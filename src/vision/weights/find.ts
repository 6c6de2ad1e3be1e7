// findDetector: finds the folder of a detector by path, name or repository; published weights are downloaded and converted once.
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exists, hubFile, type HubOptions, isFolder, isRepoId, isUrl, makeFolder } from '#platform';
import { CheckpointError, ConfigError, errorMessage } from '../../errors.js';
import { info } from '../../logger.js';
import { cacheRoot } from '../../platform/cache-root.js';
import { locatePretrained } from '../../platform/locate.js';
import { withLock } from '../../platform/lock-file.js';
import { webFile } from '../../platform/hub/web-file.js';
import { DETECTOR_NAMES, type DetectorName } from '../detector/presets.js';
import { convertDetector } from './convert.js';
import { requirePath } from '../../options.js';
import { PUBLISHED_WEIGHTS } from './published.js';
import { WEIGHTS_FILE } from './write.js';

const EXPECTED = `expected the name of a detector (${DETECTOR_NAMES.join(', ')}), or a folder or repository with one`;

/** Options of downloads. */
export type FindDetectorOptions = Pick<HubOptions, 'cacheDir' | 'token' | 'localFilesOnly' | 'onProgress'>;

/**
 * Returns the folder of a detector, for `RegionDetector.fromPretrained`. For a name (see `namedDetector`), the published weights are downloaded and
 * converted once, into `detectors` in the package's cache (`VISUALBERT_CACHE`).
 * @param where a name, a folder that `visualbert convert` wrote, a repository of the hub with the files of such a folder, or the repository or
 *   address of published weights, which means the name.
 * @throws ConfigError when it is none of them; CheckpointError when the weights cannot be downloaded, with instructions; HubError for a repository.
 * @example
 * const detector = await RegionDetector.fromPretrained(await findDetector('mmf-x101'));
 * await detector.dispose();
 */
export async function findDetector(where: string, options: FindDetectorOptions = {}): Promise<string> {
  requirePath('findDetector', where);
  await requireDetector(where);
  if (await isFolder(where)) return where;
  const name = nameOf(where);
  if (name === undefined) return repositoryFolder(where, options);
  const folder = join(cacheRoot(), 'detectors', name);
  if (await exists(join(folder, 'config.json'))) return folder;
  await makeFolder(dirname(folder));
  await withLock(
    `${folder}.lock`,
    async () => {
      if (!(await exists(join(folder, 'config.json')))) await fetchDetector(name, folder, options);
    },
    ({ pid, host }) => info(`waiting for process ${pid} on ${host}, which is fetching the detector ${name}`),
  );
  return folder;
}

/**
 * Checks before long work that a text may name a detector, without the network.
 * @throws ConfigError when it is no folder, no known name and no id of a repository
 */
export async function requireDetector(where: string): Promise<void> {
  if (nameOf(where) !== undefined || (await isFolder(where))) return;
  if (isUrl(where) || (await exists(where))) throw notConverted(where);
  if (!where.includes('/') || !isRepoId(where)) throw new ConfigError(`${where}: ${EXPECTED}, found none`);
}

/** The detector whose name, or whose published weights, are given. */
function nameOf(where: string): DetectorName | undefined {
  return DETECTOR_NAMES.find(
    (one) => one === where || PUBLISHED_WEIGHTS[one].sources.some((source) => isOf(source, where)),
  );
}

/** Whether a source of published weights is named by its address or its repository. */
function isOf(source: string, where: string): boolean {
  return isUrl(source) ? source === where : dirname(source) === where;
}

/** The folder of a converted detector in the hub's cache. */
async function repositoryFolder(where: string, options: FindDetectorOptions): Promise<string> {
  const files = await locatePretrained(where, options);
  const [config, weights] = [await files.find('config.json'), await files.find(WEIGHTS_FILE)];
  if (config !== null && weights !== null) return dirname(weights);
  throw new ConfigError(
    `${where}: expected a repository with the files of a converted detector, found no ${config === null ? 'config.json' : WEIGHTS_FILE}; for the ` +
      `weights of another project, \`visualbert convert ${where} FOLDER --detector NAME\` writes a folder`,
  );
}

function notConverted(where: string): ConfigError {
  return new ConfigError(
    `${where}: ${EXPECTED}; write a folder from this file with \`visualbert convert ${where} FOLDER --detector NAME\``,
  );
}

async function fetchDetector(name: DetectorName, folder: string, options: FindDetectorOptions): Promise<void> {
  const downloads = join(dirname(folder), 'downloads');
  const failures: string[] = [];
  for (const source of PUBLISHED_WEIGHTS[name].sources) {
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
  const files = failures.length === 1 ? 'this file' : 'one of these files';
  throw new CheckpointError(
    `detector ${name}: its weights are not in ${folder} and could not be downloaded (${failures.join('; ')}). On a machine with network access, download ` +
      `${files}; then \`visualbert convert FILE FOLDER --detector ${name}\` writes the folder to give instead of the name`,
  );
}

async function fetchSource(source: string, downloads: string, options: FindDetectorOptions): Promise<string> {
  if (isUrl(source)) return webFile(source, downloads, options);
  const [owner, repository, file] = source.split('/');
  const path = await hubFile(`${owner}/${repository}`, file as string, options);
  if (path !== null) return path;
  throw new CheckpointError(`${owner}/${repository}: has no ${file}`);
}
