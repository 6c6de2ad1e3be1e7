// Brings a file over the network piece after piece: goes on where an earlier transfer broke, and ends one that brings nothing.
import { open, stat } from 'node:fs/promises';
import { HubError } from '../../errors.js';
import { removeFile } from '../files.js';
import { Refusal, TransferWatch } from './request.js';

/** A file to be brought. */
export interface Transfer {
  url: string;
  /** Null when the server does not say. */
  sizeBytes: number | null;
  /** A transfer that brings nothing for so long ends; as with a hub when it is left out. */
  silenceMs?: number;
  /** Sends the request, with headers that may ask for a part. @throws HubError for an answer without the file, but for 416 */
  send(headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

/**
 * Brings what a file still lacks; one try.
 * @param onBytes receives the bytes that are there, those of earlier tries among them
 * @throws HubError when the connection ends early or stalls: what came is kept for the next try
 */
export async function transferRest(
  partial: string,
  { url, sizeBytes, silenceMs, send }: Transfer,
  onBytes: (loaded: number, total: number | null) => void,
): Promise<void> {
  let loaded = await sizeOf(partial);
  if (sizeBytes !== null && loaded > sizeBytes) loaded = 0;
  if (sizeBytes !== null && loaded === sizeBytes && loaded > 0) return onBytes(loaded, sizeBytes);
  const watch = new TransferWatch(silenceMs);
  try {
    const response = await send(loaded > 0 ? { range: `bytes=${loaded}-` } : {}, watch.signal);
    if (response.status === 416 && loaded > 0) {
      await response.body?.cancel();
      await removeFile(partial);
      throw new HubError(`${url}: the server does not continue after ${loaded} bytes`); // from the start, then
    }
    if (response.status !== 206) loaded = 0;
    else if (response.headers.get('content-range')?.startsWith(`bytes ${loaded}-`) !== true) {
      await response.body?.cancel();
      await removeFile(partial);
      throw new HubError(`${url}: the server sends another part than the one after ${loaded} bytes`); // from the start, then
    }
    for await (const bytes of received(partial, loaded, response, watch)) {
      loaded += bytes;
      if (sizeBytes !== null && loaded > sizeBytes) {
        throw new Refusal(`${url}: the server sends more than the ${sizeBytes} bytes it announced`);
      }
      onBytes(loaded, sizeBytes);
    }
  } finally {
    watch.stop();
  }
  if (sizeBytes !== null && loaded < sizeBytes)
    throw new HubError(`${url}: the connection ended after ${loaded} of ${sizeBytes} bytes`);
}

/** A number of bytes as a header has it; null when it is absent or not a number. */
export function byteCount(text: string | null | undefined): number | null {
  return /^\d+$/.test(text ?? '') ? Number(text) : null;
}

/** Bytes of a file; 0 when there is none. */
export async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (stats) => stats.size,
    () => 0,
  );
}

/** Writes a response into a file from `start` on; yields the bytes of each piece. */
async function* received(
  path: string,
  start: number,
  response: Response,
  watch: TransferWatch,
): AsyncGenerator<number> {
  const handle = await open(path, start > 0 ? 'r+' : 'w');
  try {
    await handle.truncate(start);
    let at = start;
    for (const reader = response.body?.getReader(); reader !== undefined;) {
      const { done, value } = await reader.read();
      if (done) break;
      watch.received(value.byteLength);
      await handle.write(value, 0, value.byteLength, at);
      at += value.byteLength;
      yield value.byteLength;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}
