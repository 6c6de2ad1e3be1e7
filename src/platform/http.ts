// Requests to web servers: errors by status, and text at an address.
import { errorMessage, HubError } from '../errors.js';
import { shortAddress } from './addresses.js';
import { requireKinds } from '../options.js';

/** Statuses of a file that does not exist. */
const ABSENT = new Set([404, 410]);

/** Sends a request and returns the response, like `fetch`. */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

const fetchDirectly: Fetch = (url, init) => fetch(url, init);
let current = fetchDirectly;

/**
 * Sends every request for a file at an address through `send`, for a cache, progress, an abort signal or a proxy; null restores `fetch`. A
 * range of a file is requested by the header `range`; a response with the whole file and status 200 is accepted too.
 * @example
 * setFetch((url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(10_000) }));
 */
export function setFetch(send: Fetch | null): void {
  requireKinds('setFetch', { 'a function': { send: send ?? fetchDirectly } });
  current = send ?? fetchDirectly;
}

/** Sends a request. @throws HubError with the address and the cause when there is no answer. */
async function request(url: string, init?: RequestInit): Promise<Response> {
  try {
    return await current(url, init);
  } catch (error) {
    throw new HubError(`${shortAddress(url)}: no answer (${causeOf(error)}); check the address and the network`);
  }
}

/** Servers of single-page applications (vite) answer 200 with their page for a missing file. No file of a model is HTML. */
function isPage({ headers }: Response): boolean {
  return /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('content-type') ?? '');
}

/** Fetches a file. @throws HubError with the address and the status or cause; also for an HTML page instead of the file. */
export async function fetchOk(url: string, init?: RequestInit): Promise<Response> {
  const response = await request(url, init);
  if (response.ok && !isPage(response)) return response;
  await response.body?.cancel();
  if (response.ok)
    throw new HubError(
      `${shortAddress(url)}: the server answered with an HTML page; it seems to have no such file, check the address`,
    );
  throw statusError(url, response);
}

/** The whole body of a response. @throws HubError when the connection ends early */
export async function bodyOf(url: string, response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await response.arrayBuffer().catch(brokenOff(url)));
}

/** Converts the error of an incomplete body into a HubError. */
export function brokenOff(url: string): (error: unknown) => never {
  return (error) => {
    throw new HubError(`${shortAddress(url)}: the connection ended early (${causeOf(error)}); try again`);
  };
}

/** The reason of a failed `fetch`, which is in the cause. */
export function causeOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: { message?: string; code?: string } };
  if (cause?.code === 'ERR_SSL_WRONG_VERSION_NUMBER') return 'the server does not speak https there; try http';
  return cause?.message || cause?.code || errorMessage(error);
}

/** Whether a file exists at an address. An HTML page counts as "not found". @throws HubError for any other failure */
export async function urlExists(url: string): Promise<boolean> {
  if (!/^https?:/i.test(url)) return true;
  const response = await request(url, { headers: { range: 'bytes=0-0' } });
  await response.body?.cancel();
  if (response.ok) return !isPage(response);
  if (response.status === 416) return true; // an empty file has no first byte
  if (ABSENT.has(response.status)) return false;
  throw statusError(url, response);
}

function statusError(url: string, { status, statusText }: Response): HubError {
  return new HubError(`${shortAddress(url)}: the server answered ${status} ${statusText}`.trimEnd());
}
