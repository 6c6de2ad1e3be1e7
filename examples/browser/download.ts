// Downloads a model in the web format into the browser's cache, with progress, and reads it from there.
import { HubError } from '../../src/index.js';

/** The name of the browser's cache for model files. */
const CACHE = 'visualbert-models';
/** The files of a model except its shards. Which of the tokenizer's files exist depends on the model. */
const FILES = [
  'config.json',
  'processor_config.json',
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
];
const DETECTOR_FILES = ['config.json', 'model.safetensors'];
const NEEDED = new Set(['config.json', 'model.json']);

export interface DownloadOptions {
  signal: AbortSignal;
  onProgress(loadedBytes: number, totalBytes: number): void;
}

interface RemoteFile {
  url: string;
  bytes: number;
  isCached: boolean;
}

/**
 * Brings all files of a model into the cache. A file that is there is fetched again only where the server has another one now; without a
 * network, a model that is there in full is taken as it is.
 * @throws HubError for what the server does not have; DOMException `AbortError`. Files that have arrived whole are kept.
 */
export async function downloadModel(address: string, { signal, onProgress }: DownloadOptions): Promise<void> {
  const cache = await caches.open(CACHE);
  const manifest = await look(cache, `${address}/model.json`, signal);
  if (manifest === null) throw new HubError(`${address}: has no model.json; convert the model with --format tfjs`);
  if (!manifest.isCached) await fetchInto(cache, manifest.url, signal, () => undefined);
  const { weightsManifest } = (await (await cache.match(manifest.url))?.json()) as {
    weightsManifest: { paths: string[] }[];
  };
  const names = [...FILES, ...weightsManifest.flatMap(({ paths }) => paths)];
  const shards = new Set(names.slice(FILES.length));
  const looked = await Promise.all(names.map((name) => look(cache, `${address}/${name}`, signal)));
  const missing = names.filter((name, i) => looked[i] === null && (NEEDED.has(name) || shards.has(name)));
  if (missing.length > 0) throw new HubError(`${address}: lacks ${missing.join(', ')}`);
  const files = looked.filter((file) => file !== null);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = files.filter(({ isCached }) => isCached).reduce((sum, { bytes }) => sum + bytes, 0);
  onProgress(loaded, total);
  for (const { url, isCached } of files) {
    if (!isCached) await fetchInto(cache, url, signal, (bytes) => onProgress((loaded += bytes), total));
  }
}

/** Brings a detector's files into the cache. @throws HubError, DOMException as `downloadModel` */
export async function downloadDetector(address: string, signal: AbortSignal): Promise<void> {
  const cache = await caches.open(CACHE);
  for (const name of DETECTOR_FILES) {
    const file = await look(cache, `${address}/${name}`, signal);
    if (file === null) throw new HubError(`${address}: has no ${name}`);
    if (!file.isCached) await fetchInto(cache, file.url, signal, () => undefined);
  }
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

/** Compares the server's file with the cached one; null if the server has none. */
async function look(cache: Cache, url: string, signal: AbortSignal): Promise<RemoteFile | null> {
  const cached = await cache.match(url);
  let head: Response;
  try {
    head = await fetch(url, { method: 'HEAD', cache: 'no-cache', signal });
  } catch (error) {
    if (signal.aborted) throw error;
    return cached === undefined ? null : { url, bytes: sizeOf(cached), isCached: true };
  }
  const isPage = head.headers.get('content-type')?.startsWith('text/html') ?? false; // what some servers send for a missing file
  if (!head.ok || isPage) return null;
  const isSame = (name: string): boolean => head.headers.get(name) === (cached?.headers.get(name) ?? null);
  const isCached = cached !== undefined && ['etag', 'last-modified', 'content-length'].every(isSame);
  return { url, bytes: sizeOf(head), isCached };
}

/** Downloads a file completely before it is cached. */
async function fetchInto(
  cache: Cache,
  url: string,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  const response = await fetch(url, { cache: 'no-cache', signal });
  if (!response.ok || response.body === null) throw new HubError(`${url}: the server answered ${response.status}`);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes(value.byteLength);
  }
  await cache.put(url, new Response(new Blob(parts), { headers: response.headers }));
}

function sizeOf({ headers }: Response): number {
  return Number(headers.get('content-length') ?? 0);
}
