// Requests to package indexes: with pip's proxies, certificates and passwords, and errors by the answer's status.
import { readFileSync } from 'node:fs';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { errorMessage, HubError } from '../../errors.js';
import { Refusal } from '../../platform/hub/request.js';
import { NeedsPip } from './needs-pip.js';
import { netrcLogin } from './netrc.js';
import type { PipSettings } from './pip-settings.js';
import { defined } from '../../options.js';

/** Sends requests. `close` ends its connections. */
export class IndexClient {
  private readonly agent: EnvHttpProxyAgent;

  /** @throws NeedsPip for a proxy that only pip can use */
  constructor({ proxy, certificates, timeoutMs }: PipSettings) {
    const [http, https] = [proxyOf('http', proxy), proxyOf('https', proxy)];
    const trust = certificates === null ? {} : { ca: readFileSync(certificates, 'utf8') };
    try {
      this.agent = new EnvHttpProxyAgent({
        ...defined({ httpProxy: http, httpsProxy: https }),
        noProxy: process.env['no_proxy'] ?? process.env['NO_PROXY'] ?? '',
        headersTimeout: timeoutMs,
        connect: { ...trust, timeout: timeoutMs },
        requestTls: trust,
      });
    } catch (error) {
      throw new NeedsPip(`${https ?? http}: only pip can use this proxy (${errorMessage(error)})`);
    }
  }

  /**
   * The response of a server that has the file; status 416 where the requested range does not exist.
   * @throws Refusal where a retry cannot help; NeedsPip where pip might succeed; HubError for a failure that may be temporary
   */
  async get(address: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    const { url, login } = withoutLogin(address);
    let response: Response;
    try {
      const init = { dispatcher: this.agent, headers: { 'user-agent': 'visualbert-tfjs', ...login, ...headers } };
      response = (await fetch(url, signal === undefined ? init : { ...init, signal })) as unknown as Response;
    } catch (error) {
      const { message, code } = causeOf(error);
      if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS|ERR_SSL/.test(code))
        throw new NeedsPip(`${url}: its certificate is not trusted (${code})`);
      throw new HubError(`${url}: no answer (${message || code})`);
    }
    const { status, ok } = response;
    if (ok || (status === 416 && 'range' in headers)) return response;
    await response.body?.cancel();
    const answer = `${url}: the server answered ${status}`;
    if (status === 401 || status === 403 || status === 407) throw new NeedsPip(`${answer}; it asks for a password`);
    if (status === 429 || status >= 500) throw new HubError(answer);
    throw new Refusal(answer);
  }

  close(): Promise<void> {
    return this.agent.close();
  }
}

/** pip's own setting overrides environment variables; lower-case names are read first, as by curl. */
function proxyOf(scheme: 'http' | 'https', setting: string | null): string | undefined {
  const names = [`${scheme}_proxy`, `${scheme.toUpperCase()}_PROXY`, 'all_proxy', 'ALL_PROXY'];
  const proxy = setting ?? names.map((name) => process.env[name]).find(Boolean);
  return proxy === undefined || proxy.includes('://') ? proxy : `http://${proxy}`;
}

/** An address without user name and password, and the header that carries them: those of the address, else of ~/.netrc. */
function withoutLogin(address: string): { url: string; login: Record<string, string> } {
  const url = new URL(address);
  const own =
    url.username === '' ? null : { name: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  [url.username, url.password] = ['', ''];
  const login = own ?? netrcLogin(url.hostname);
  const pair = login === null ? null : Buffer.from(`${login.name}:${login.password}`).toString('base64');
  return { url: url.href, login: pair === null ? {} : { authorization: `Basic ${pair}` } };
}

/** undici reports "fetch failed" with the reason as cause; with a proxy that cause has a cause of its own. */
function causeOf(error: unknown): { message: string; code: string } {
  let innermost = error as { message?: string; code?: string; cause?: unknown };
  while (typeof innermost.cause === 'object' && innermost.cause !== null)
    innermost = innermost.cause as typeof innermost;
  return { message: innermost.message ?? '', code: innermost.code ?? '' };
}
