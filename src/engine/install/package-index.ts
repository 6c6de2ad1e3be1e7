// Fetches a wheel from the package indexes that pip's settings name, without Python.
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isFolder } from '#platform';
import { EngineError, errorMessage, HubError } from '../../errors.js';
import { Refusal, withRetries } from '../../platform/hub/request.js';
import { byteCount, sizeOf, transferRest } from '../../platform/hub/transfer.js';
import { IndexClient } from './index-client.js';
import { NeedsPip } from './needs-pip.js';
import { INDEX_TYPES, type IndexLink, indexLinks } from './index-page.js';
import { type PipSettings } from './pip-settings.js';
import { isWheelFor, normalName } from './wheel-name.js';
import type { Wheel } from './wheel-table.js';

/** A wheel on this disk. */
export interface FetchedWheel {
  path: string;
  /** What the index states; null when it states none. */
  sha256: string | null;
}

/**
 * Downloads a wheel into `folder`, continuing an earlier attempt; a wheel of a `file:` index is used in place.
 * @param onBytes receives the number of bytes downloaded so far
 * @throws NeedsPip where pip might succeed; EngineError for every other failure
 */
export async function fetchWheel(
  wheel: Wheel,
  folder: string,
  settings: PipSettings,
  onBytes: (done: number) => void = () => undefined,
): Promise<FetchedWheel> {
  if (settings.pipOnly !== null) throw new NeedsPip(`pip's setting ${settings.pipOnly} is only understood by pip`);
  const client = new IndexClient(settings);
  try {
    const { fileName, url, sha256 } = await findWheel(wheel, settings, client);
    if (url.startsWith('file:')) return { path: fileURLToPath(url), sha256 };
    const path = join(folder, fileName);
    const transfer = {
      ...{ url, sizeBytes: await sizeAt(url, client), silenceMs: settings.timeoutMs },
      send: (headers: Record<string, string>, signal: AbortSignal) =>
        client.get(url, { 'accept-encoding': 'identity', ...headers }, signal),
    };
    await withRetries(
      url,
      () => transferRest(path, transfer, onBytes),
      () => sizeOf(path),
    );
    return { path, sha256 };
  } catch (error) {
    throw error instanceof HubError && !(error instanceof NeedsPip) ? unreachable(wheel, error) : error;
  } finally {
    await client.close();
  }
}

/** The wheel's file: looked up in folders and pages of links first, then in the indexes in order. */
async function findWheel(wheel: Wheel, settings: PipSettings, client: IndexClient): Promise<IndexLink> {
  const failures: unknown[] = [];
  const project = normalName(wheel.name);
  const sources = [...settings.findLinks, ...settings.indexes.map((index) => `${index}/${project}/`)];
  for (const source of sources) {
    try {
      const link = (await linksAt(source, client)).find(({ fileName }) => isWheelFor(fileName, wheel));
      if (link !== undefined) return link;
    } catch (error) {
      failures.push(error);
    }
  }
  const first =
    failures.find((error) => error instanceof NeedsPip) ?? failures.find((error) => !(error instanceof Refusal));
  if (first !== undefined) throw first;
  throw new EngineError(
    `No package index has ${wheel.name} ${wheel.version} for this platform (${wheel.tags.join(', ')}; searched: ` +
      `${sources.map(withoutPassword).join(', ')}): choose another version with --tensorflow, or name an index in PIP_INDEX_URL.`,
  );
}

/** The files in a folder, or named by a page on disk or on a server. */
async function linksAt(source: string, client: IndexClient): Promise<IndexLink[]> {
  if (/^https?:/i.test(source)) {
    const response = await withRetries(source, () => client.get(source, { accept: INDEX_TYPES }));
    return indexLinks(await response.text(), response.headers.get('content-type') ?? '', response.url);
  }
  const path = source.startsWith('file:') ? fileURLToPath(source) : resolve(source);
  if (!(await isFolder(path))) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => fromDisk(error));
    return indexLinks(text, 'text/html', pathToFileURL(path).href);
  }
  const names = await readdir(path);
  if (names.includes('index.html')) return linksAt(pathToFileURL(join(path, 'index.html')).href, client);
  return names.map((fileName) => ({ fileName, url: pathToFileURL(join(path, fileName)).href, sha256: null }));
}

/** A missing page counts as empty. */
function fromDisk(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '';
  throw error;
}

/** Size of a file, from the response to a request for its first byte; null when the server does not say. */
async function sizeAt(url: string, client: IndexClient): Promise<number | null> {
  const response = await withRetries(url, () => client.get(url, { 'accept-encoding': 'identity', range: 'bytes=0-0' }));
  await response.body?.cancel();
  const size =
    response.status === 206
      ? response.headers.get('content-range')?.split('/')[1]
      : response.headers.get('content-length');
  return byteCount(size);
}

function unreachable(wheel: Wheel, error: HubError): EngineError {
  return new EngineError(
    `${wheel.name} ${wheel.version} could not be fetched: ${errorMessage(error)}. Check the network; behind a proxy set HTTPS_PROXY; ` +
      'with a mirror set PIP_INDEX_URL. The part downloaded so far is kept for the next attempt. Prediction and evaluation run without the engine, on WebAssembly.',
    { cause: error },
  );
}

/** An address for messages. */
function withoutPassword(source: string): string {
  return source.replace(/\/\/[^/@]*@/, '//');
}
