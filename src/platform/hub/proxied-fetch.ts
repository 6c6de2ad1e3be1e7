// Requests through the proxies that the environment names; Node's own `fetch` ignores them.
import type { EnvHttpProxyAgent } from 'undici';

const VARIABLES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];

let agent: EnvHttpProxyAgent | null = null;

/** `fetch`, through HTTPS_PROXY or HTTP_PROXY where they are set, except for the hosts in NO_PROXY. */
export async function proxiedFetch(url: string, init: RequestInit): Promise<Response> {
  if (VARIABLES.every((name) => !process.env[name])) return fetch(url, init);
  const undici = await import('undici'); // loaded only where it is needed
  agent ??= new undici.EnvHttpProxyAgent();
  const through = { ...init, dispatcher: agent } as Parameters<typeof undici.fetch>[1];
  return (await undici.fetch(url, through)) as unknown as Response;
}
