// Downloads a model in the web format into the browser's cache, with progress, and reads it from there.
import { HubError } from '../../src/index.js';

/** The name of the browser's cache for model files. */
const CACHE = 'visualbert-models';
/** Files that not every model has; those of the tokenizer differ. */
const OPTIONAL_FILES = [
  'processor_config.json',
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
];
const DETECTOR_FILES = ['config.json', 'model.safetensors'];
const UNREACHABLE =
  "the server cannot be reached, and the browser's cache does not have the file; check the network, then load the model again";

export interface DownloadOptions {
  signal: AbortSignal;
  onProgress(loadedBytes: number, totalBytes: number): void;
}

interface RemoteFile {
  url: string;
  bytes: number;
  isCached: boolean;
  /** Why the file cannot be had; null where it can. */
  problem: string | null;
}

/**
 * Downloads all files of a model into the cache. A cached file is downloaded again only if the server has another version; a model that is
 * complete in the cache needs no network.
 * @throws HubError for a file that neither the server nor the cache has; the signal's reason. Complete files are kept.
 */
export async function downloadModel(address: string, { signal, onProgress }: DownloadOptions): Promise<void> {
  const cache = await caches.open(CACHE);
  const manifest = await look(cache, `${address}/model.json`, signal);
  requireFile(manifest);
  if (!manifest.isCached) await fetchInto(cache, manifest.url, signal, () => undefined);
  const { weightsManifest } = (await (await cache.match(manifest.url))?.json()) as {
    weightsManifest: { paths: string[] }[];
  };
  const shards = weightsManifest.flatMap(({ paths }) => paths);
  const names = ['config.json', ...shards, ...OPTIONAL_FILES];
  const looked = await Promise.all(names.map((name) => look(cache, `${address}/${name}`, signal)));
  looked.slice(0, 1 + shards.length).forEach(requireFile);
  const files = looked.filter(({ problem }) => problem === null);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = files.filter(({ isCached }) => isCached).reduce((sum, { bytes }) => sum + bytes, 0);
  onProgress(loaded, total);
  for (const { url, isCached } of files) {
    if (!isCached) await fetchInto(cache, url, signal, (bytes) => onProgress((loaded += bytes), total));
  }
}

/** Downloads a detector's files into the cache. @throws HubError and the signal's reason, as `downloadModel` */
export async function downloadDetector(address: string, signal: AbortSignal): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const name of DETECTOR_FILES) {
    const file = await look(cache, `${address}/${name}`, signal);
    requireFile(file);
    if (!file.isCached) await fetchInto(cache, file.url, signal, () => undefined);
  }
}

/** @throws HubError for a file that cannot be had */
function requireFile({ url, problem }: RemoteFile): void {
  if (problem !== null) throw new HubError(`${url}: ${problem}`);
}

/** Answers requests for a model's files out of the cache alone: what was not downloaded, is not there. */
export async function fetchFromCache(url: string): Promise<Response> {
  const absolute = new URL(url, location.href).href;
  return (await (await caches.open(CACHE)).match(absolute)) ?? new Response(null, { status: 404 });
}

/** Removes all models from the cache. */
export async function emptyCache(): Promise<void> {
  await caches.delete(CACHE);
}

/** Compares the server's file with the cached one. */
async function look(cache: Cache, url: string, signal: AbortSignal): Promise<RemoteFile> {
  const cached = await cache.match(url);
  let head: Response;
  try {
    head = await fetch(url, { method: 'HEAD', cache: 'no-cache', signal });
  } catch (error) {
    if (signal.aborted) throw error;
    if (cached !== undefined) return { url, bytes: sizeOf(cached), isCached: true, problem: null };
    return { url, bytes: 0, isCached: false, problem: UNREACHABLE };
  }
  const isPage = head.headers.get('content-type')?.startsWith('text/html') ?? false; // some servers send one for a missing file
  const isSame = (name: string): boolean => head.headers.get(name) === (cached?.headers.get(name) ?? null);
  const isCached = cached !== undefined && ['etag', 'last-modified', 'content-length'].every(isSame);
  const isThere = head.ok && !isPage;
  const problem = isThere ? null : `the server has no such file (it answered ${isPage ? 'a web page' : head.status})`;
  return { url, bytes: sizeOf(head), isCached, problem };
}

/** Downloads a file completely before it is cached. */
async function fetchInto(
  cache: Cache,
  url: string,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  try {
    const { ok, status, headers, body } = await fetch(url, { cache: 'no-cache', signal });
    if (!ok || body === null) throw new HubError(`${url}: the server answered ${status}`);
    for (const reader = body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      onBytes(value.byteLength);
    }
    await cache.put(url, new Response(new Blob(parts), { headers }));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // fetch and read throw TypeErrors when a connection fails
    throw new HubError(`${url}: the connection was lost; complete files are kept, and Load continues the download`);
  }
}

function sizeOf({ headers }: Response): number {
  return Number(headers.get('content-length') ?? 0);
}
