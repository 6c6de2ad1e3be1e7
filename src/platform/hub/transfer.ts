// Transfers a file over the network: resumes an interrupted transfer, and ends one that stalls.
import { open, stat } from 'node:fs/promises';
import { HubError } from '../../errors.js';
import { removeFile } from '../files.js';
import { Refusal, TransferWatch } from './request.js';

/** A file to transfer. */
export interface Transfer {
  url: string;
  /** Null when the server does not say. */
  sizeBytes: number | null;
  /** A transfer without data ends after this time; default: as for a hub. */
  silenceMs?: number;
  /** Sends the request, with headers that may request a range. @throws HubError for a response without the file, except 416 */
  send(headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
}

/**
 * Transfers the missing part of a file, in one attempt.
 * @param onBytes receives the number of bytes so far, including earlier attempts
 * @throws HubError when the connection ends early or stalls; received bytes are kept for the next attempt
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
      throw new HubError(`${url}: the server does not continue after ${loaded} bytes`); // the next attempt starts over
    }
    if (response.status !== 206) loaded = 0;
    else if (response.headers.get('content-range')?.startsWith(`bytes ${loaded}-`) !== true) {
      await response.body?.cancel();
      await removeFile(partial);
      throw new HubError(`${url}: the server sends another range than the one after ${loaded} bytes`); // the next attempt starts over
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

/** A number of bytes in a header; null when it is absent or not a number. */
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

/** Writes a response into a file from `start` on; yields the size of each piece. */
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
