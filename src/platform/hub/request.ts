// Requests to a hub: headers, timeouts, final errors, and retries.
import { HubError } from '../../errors.js';
import { causeOf } from '../http.js';
import { proxiedFetch } from './proxied-fetch.js';

/** Remedies for a hub that cannot be reached. */
const UNREACHABLE =
  'check the network; set HTTPS_PROXY behind a proxy, HF_ENDPOINT for a mirror, or HF_HUB_OFFLINE=1 to use only downloaded files';

/** The credentials of a request. */
export interface Access {
  token: string | null;
}

/** Attempts in a row that may fail without progress. */
const MAX_ATTEMPTS = 4;

/** First wait between attempts; doubled each time. */
const FIRST_WAIT_MS = 250;

/** A server that requests a longer wait than this counts as unavailable. */
const LONGEST_WAIT_MS = 20_000;

/** A transfer that receives less than this in SLOW_WINDOW silence limits (a minute by default) is aborted and resumed. */
const SLOWEST_BYTES = 64 << 10;
const SLOW_WINDOW = 6;

const USER_AGENT = 'visualbert-tfjs';

/** A silent connection is dropped after HF_HUB_DOWNLOAD_TIMEOUT seconds; 10 by default, as in the Python client. */
function silenceLimitMs(): number {
  const seconds = Number(process.env['HF_HUB_DOWNLOAD_TIMEOUT'] ?? 10);
  return (seconds > 0 ? seconds : 10) * 1000;
}

/** A final answer of the server, which a retry would not change. */
export class Refusal extends HubError {}

/** Headers of a request, with the token. */
export function headersOf({ token }: Access, more: Record<string, string> = {}): Record<string, string> {
  return {
    'user-agent': USER_AGENT,
    'accept-encoding': 'identity',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...more,
  };
}

/** Aborts a transfer that is silent, or receives almost nothing for a minute. */
export class TransferWatch {
  private readonly controller = new AbortController();
  private readonly slowness: NodeJS.Timeout;
  private silence: NodeJS.Timeout;
  private bytes = 0;
  readonly signal = this.controller.signal;

  constructor(private readonly limitMs = silenceLimitMs()) {
    this.silence = this.startSilence();
    const windowMs = SLOW_WINDOW * this.limitMs;
    this.slowness = setInterval(() => {
      if (this.bytes < SLOWEST_BYTES) this.abort(`only ${this.bytes} bytes in ${windowMs / 1000} s`);
      this.bytes = 0;
    }, windowMs);
  }
  /** Records received bytes. */
  received(bytes: number): void {
    this.bytes += bytes;
    clearTimeout(this.silence);
    this.silence = this.startSilence();
  }
  stop(): void {
    clearTimeout(this.silence);
    clearInterval(this.slowness);
  }
  private startSilence(): NodeJS.Timeout {
    return setTimeout(() => this.abort(`silent for ${this.limitMs / 1000} s`), this.limitMs);
  }
  private abort(reason: string): void {
    this.controller.abort(new Error(reason));
  }
}

/** No answer from the server; further attempts may get one. */
class Unreachable extends HubError {}

/** Sends a request. @throws HubError when there is no answer */
export async function request(url: string, init: RequestInit): Promise<Response> {
  const watch = init.signal === undefined ? new TransferWatch() : null;
  try {
    return await proxiedFetch(url, watch === null ? init : { ...init, signal: watch.signal });
  } catch (error) {
    throw new Unreachable(`${url}: no answer (${causeOf(error)})`);
  } finally {
    watch?.stop();
  }
}

/** @throws Refusal for final answers; HubError, with the requested wait, for temporary ones. */
export function requireSuccess(url: string, response: Response): void {
  const { status, headers } = response;
  if (status >= 200 && status < 400) return;
  void response.body?.cancel();
  const code = headers.get('x-error-code');
  const said = headers.get('x-error-message') ?? code;
  const answer = `${url}: the server answered ${status}${said === null ? '' : ` (${said.slice(0, 200)})`}`;
  if (status === 401 || status === 403) {
    throw new Refusal(
      `${answer}; the repository does not exist, or is private or gated: check its name, ask for access, and set HF_TOKEN`,
    );
  }
  if (status === 404) throw new Refusal(`${answer}; check the repository's name and the revision`);
  if (status === 429 || status >= 500) throw new Busy(answer, Number(headers.get('retry-after') ?? NaN) * 1000);
  throw new Refusal(answer);
}

/** The server is temporarily unavailable. */
class Busy extends HubError {
  constructor(
    message: string,
    readonly waitMs: number,
  ) {
    super(message);
  }
}

/** Retries with growing waits: as long as `progress` (bytes) reaches a clearly higher value, else a few times. */
export async function withRetries<T>(
  url: string,
  attempt: () => Promise<T>,
  progress: () => Promise<number> = async () => 0,
): Promise<T> {
  let most = await progress();
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refusal || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      const now = await progress();
      if (now - most >= SLOWEST_BYTES) failures = 1;
      most = Math.max(most, now);
      const wished = error instanceof Busy && error.waitMs > 0 ? error.waitMs : 0;
      if (failures >= MAX_ATTEMPTS || wished > LONGEST_WAIT_MS) {
        const text = error instanceof HubError ? error.message : `${url}: ${(error as Error).message}`;
        const remedy = error instanceof Unreachable ? UNREACHABLE : 'try again later';
        throw new HubError(`${text}; tried ${failures} times; ${remedy}`);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(wished, FIRST_WAIT_MS * 2 ** (failures - 1))));
    }
  }
}
