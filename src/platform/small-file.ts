// Downloads of whole files into memory, with limits of bytes and time: the server may be a stranger's, or broken.
import { joinBytes } from '../byte-sink.js';
import { HubError } from '../errors.js';
import { shortAddress } from './addresses.js';
import { brokenOff, fetchOk } from './http.js';

/** Limits of a download. */
export interface DownloadLimits {
  maxBytes: number;
  /** The server is too slow if it sends less than 64 KiB of a larger file in this time, or nothing. Default 30 s. */
  windowMs?: number;
  /** Longest duration of the whole download. Default 5 minutes. */
  totalMs?: number;
}

const WINDOW_MS = 30_000;
const TOTAL_LIMIT_MS = 300_000;
const SLOWEST_BYTES = 64 << 10;
const MIB = 1 << 20;
/** JavaScript's strings are not longer. */
const MAX_TEXT_BYTES = 512 * MIB;
/** Enough for MAX_TEXT_BYTES at 300 kB/s. */
const TEXT_LIMIT_MS = 1_800_000;

/** Text at an address: settings, vocabularies, annotations. @throws HubError as `fetchSmallFile` does */
export async function fetchText(url: string): Promise<string> {
  return new TextDecoder().decode(await fetchSmallFile(url, { maxBytes: MAX_TEXT_BYTES, totalMs: TEXT_LIMIT_MS }));
}

/** Fetches a file. @throws HubError as `fetchOk` does, and when the file is larger or the server slower than the limits */
export async function fetchSmallFile(url: string, limits: DownloadLimits): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, windowMs = WINDOW_MS, totalMs = TOTAL_LIMIT_MS } = limits;
  const controller = new AbortController();
  const { signal } = controller;
  // Raced, since a function given to setFetch may ignore the signal.
  const expired = new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  );
  const end = (what: string): void =>
    controller.abort(new HubError(`${shortAddress(url)}: ${what}; download the file and give its path`));
  const total = setTimeout(() => end(`the download took longer than ${totalMs / 1000} s`), totalMs);
  let recent = 0;
  const slowness = setInterval(() => {
    const received = recent === 0 ? 'nothing' : `only ${recent} bytes`;
    if (recent < SLOWEST_BYTES) end(`the server sent ${received} in ${windowMs / 1000} s`);
    recent = 0;
  }, windowMs);
  const onPiece = (bytes: number): void => void (recent += bytes);
  try {
    return await Promise.race([expired, download(url, maxBytes, signal, onPiece)]);
  } finally {
    clearInterval(slowness);
    clearTimeout(total);
  }
}

async function download(
  url: string,
  maxBytes: number,
  signal: AbortSignal,
  onPiece: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const { body, headers } = await fetchOk(url, { signal });
  const reader = body?.getReader();
  const requireFits = async (bytes: number, said: string): Promise<void> => {
    if (bytes <= maxBytes) return;
    await reader?.cancel().catch(() => undefined);
    throw new HubError(`${shortAddress(url)}: expected at most ${maxBytes / MIB} MiB, the server ${said}`);
  };
  const announced = Number(headers.get('content-length') ?? 0);
  await requireFits(announced, `announces ${announced} bytes`);
  const pieces: Uint8Array[] = [];
  let size = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch(brokenOff(url));
    if (done) break;
    onPiece(value.byteLength);
    pieces.push(value);
    size += value.byteLength;
    await requireFits(size, 'sends more');
  }
  return joinBytes(pieces);
}
