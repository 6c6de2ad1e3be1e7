// A web address as a random-access source (HTTP ranges), and the shared notions of path and address.
import { type ByteSource, bytesSource } from '../byte-source.js';
import { HubError } from '../errors.js';

/** Headers of a file are read piece by piece: fetch at least this much at once and keep it. */
const READ_AHEAD = 1 << 20;

/** True for http(s), blob and data addresses. */
export function isUrl(path: string): boolean {
  return /^(https?|blob|data):/i.test(path);
}

/** Appends a file name to a folder, whether path or address. */
export function joinPath(folder: string, file: string): string {
  return folder.endsWith('/') ? folder + file : `${folder}/${file}`;
}

/** The folder that holds a file; `.` for a bare name. */
export function folderOf(path: string): string {
  return path.includes('/') ? path.replace(/\/[^/]*$/, '') || '/' : '.';
}

/** The last part of a path or address. */
export function fileName(path: string): string {
  return path.replace(/[?#].*$/, '').replace(/^.*\//, '');
}

/** Fetches an address. @throws HubError with the address and the status or cause. */
export async function fetchOk(url: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new HubError(`${url}: no answer (${cause}); check the address and the network`);
  }
  if (!response.ok)
    throw new HubError(`${url}: the server answered ${response.status} ${response.statusText}`.trimEnd());
  return response;
}

/** Text at an address. @throws HubError */
export async function fetchText(url: string): Promise<string> {
  return (await fetchOk(url)).text();
}

/** Whether a file exists at an address: any answer but 404 and 410 that is no success is an error. @throws HubError */
export async function urlExists(url: string): Promise<boolean> {
  if (!/^https?:/i.test(url)) return true;
  const response = await fetch(url, { headers: { range: 'bytes=0-0' } }).catch((error: unknown) => {
    throw new HubError(`${url}: no answer (${String(error)}); check the address and the network`);
  });
  await response.body?.cancel();
  if (response.ok || response.status === 416) return true;
  if (response.status === 404 || response.status === 410) return false;
  throw new HubError(`${url}: the server answered ${response.status} ${response.statusText}`.trimEnd());
}

/**
 * Opens an address. Uses HTTP ranges when the server grants them; otherwise the file is fetched whole, once.
 * @throws HubError when the server does not deliver, or delivers another length than it announced.
 */
export async function openUrl(url: string): Promise<ByteSource> {
  const probe = await fetchOk(url, { headers: { range: `bytes=0-${READ_AHEAD - 1}` } });
  const total = /\/(\d+)$/.exec(probe.headers.get('content-range') ?? '')?.[1];
  const head = new Uint8Array(await probe.arrayBuffer());
  if (probe.status !== 206 || total === undefined) return bytesSource(head, url);
  return rangedSource(url, Number(total), head);
}

function rangedSource(url: string, size: number, head: Uint8Array): ByteSource {
  let cache = { start: 0, bytes: head };
  const fill = async (target: Uint8Array, offset: number): Promise<void> => {
    const end = offset + target.byteLength;
    if (offset < 0 || end > size)
      throw new RangeError(`${url}: bytes ${offset} to ${end} lie outside its ${size} bytes`);
    if (target.byteLength === 0) return;
    const response = await fetchOk(url, { headers: { range: `bytes=${offset}-${end - 1}` } });
    let filled = 0;
    if (response.status === 206 && response.body !== null) {
      for (const reader = response.body.getReader(); ;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (filled + value.byteLength > target.byteLength)
          throw new HubError(`${url}: the server sent more than was asked for`);
        target.set(value, filled);
        filled += value.byteLength;
      }
    }
    if (filled !== target.byteLength) {
      throw new HubError(`${url}: expected ${target.byteLength} bytes from ${offset}, received ${filled}; try again`);
    }
  };
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    const inCache = (): boolean =>
      offset >= cache.start && offset + target.byteLength <= cache.start + cache.bytes.byteLength;
    if (!inCache() && target.byteLength < READ_AHEAD && offset >= 0 && offset < size) {
      const bytes = new Uint8Array(Math.min(READ_AHEAD, size - offset));
      await fill(bytes, offset);
      cache = { start: offset, bytes };
    }
    if (!inCache()) return fill(target, offset);
    target.set(cache.bytes.subarray(offset - cache.start, offset - cache.start + target.byteLength));
  };
  return {
    name: url,
    size,
    read: async (offset, length) => {
      if (length < 0 || offset + length > size) {
        throw new RangeError(`${url}: bytes ${offset} to ${offset + length} lie outside its ${size} bytes`);
      }
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    readInto,
    close: async () => undefined,
  };
}
