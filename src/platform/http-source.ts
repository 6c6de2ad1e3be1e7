// A file at a web address as a random-access source: by ranges where the server supports them, else downloaded whole.
import { type ByteSource, bytesSource } from '../byte-source.js';
import { HubError } from '../errors.js';
import { shortAddress } from './addresses.js';
import { bodyOf, brokenOff, fetchOk } from './http.js';

/** Minimum bytes of a request, which are kept, since headers of a file are read in small pieces. */
const READ_AHEAD = 1 << 20;

/**
 * Opens an address. Uses HTTP ranges when the server supports them; otherwise the whole file is fetched, once.
 * @throws HubError when the request fails, or the length differs from the announced one.
 */
export async function openUrl(url: string): Promise<ByteSource> {
  const probe = await fetchOk(url, { headers: { range: `bytes=0-${READ_AHEAD - 1}` } });
  const total = /\/(\d+)$/.exec(probe.headers.get('content-range') ?? '')?.[1];
  const head = await bodyOf(url, probe);
  if (probe.status !== 206 || total === undefined) return bytesSource(head, shortAddress(url));
  if (!Number.isSafeInteger(Number(total))) throw new HubError(`${url}: the server announces a file of ${total} bytes`);
  return rangedSource(url, Number(total), head);
}

function rangedSource(url: string, size: number, head: Uint8Array): ByteSource {
  let cache = { start: 0, bytes: head };
  let whole: Promise<Uint8Array> | null = null;
  const requireInside = (offset: number, length: number): void => {
    if (offset < 0 || length < 0 || offset + length > size)
      throw new RangeError(`${url}: bytes ${offset} to ${offset + length} lie outside its ${size} bytes`);
  };
  /** The first response may be a range cut by a cache from a whole file, although the server sends only whole files. */
  const takeWhole = async (response: Response): Promise<Uint8Array> => {
    const bytes = await bodyOf(url, response);
    if (bytes.byteLength === size) return bytes;
    throw new HubError(`${url}: expected ${size} bytes, received ${bytes.byteLength}; try again`);
  };
  const fill = async (target: Uint8Array, offset: number): Promise<void> => {
    const end = offset + target.byteLength;
    if (target.byteLength === 0) return;
    if (whole !== null) return target.set((await whole).subarray(offset, end));
    const response = await fetchOk(url, { headers: { range: `bytes=${offset}-${end - 1}` } });
    if (response.status !== 206) {
      if (whole !== null) await response.body?.cancel();
      whole ??= takeWhole(response).catch((error: unknown) => {
        whole = null; // the next read tries again
        throw error;
      });
      return target.set((await whole).subarray(offset, end));
    }
    await receive(url, response, target, offset);
  };
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    requireInside(offset, target.byteLength);
    const isCached = (): boolean =>
      offset >= cache.start && offset + target.byteLength <= cache.start + cache.bytes.byteLength;
    if (!isCached() && target.byteLength < READ_AHEAD && offset < size) {
      const bytes = new Uint8Array(Math.min(READ_AHEAD, size - offset));
      await fill(bytes, offset);
      cache = { start: offset, bytes };
    }
    if (!isCached()) return fill(target, offset);
    target.set(cache.bytes.subarray(offset - cache.start, offset - cache.start + target.byteLength));
  };
  return {
    name: url,
    size,
    read: async (offset, length) => {
      requireInside(offset, length);
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    readInto,
    close: async () => {
      whole = null;
    },
  };
}

/** Writes the body of a range response into `target`. @throws HubError when it is shorter or longer */
async function receive(url: string, { body }: Response, target: Uint8Array, offset: number): Promise<void> {
  let filled = 0;
  for (const reader = body?.getReader(); reader !== undefined;) {
    const { done, value } = await reader.read().catch(brokenOff(url));
    if (done) break;
    if (filled + value.byteLength > target.byteLength) {
      await reader.cancel();
      throw new HubError(`${url}: the server sent more than the requested range; try again`);
    }
    target.set(value, filled);
    filled += value.byteLength;
  }
  if (filled !== target.byteLength)
    throw new HubError(`${url}: expected ${target.byteLength} bytes from ${offset}, received ${filled}; try again`);
}
