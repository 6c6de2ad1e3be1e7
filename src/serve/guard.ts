// Access control: tokens, host names, and security headers for browsers.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../errors.js';
import { isLoopback } from '../platform/loopback.js';
import { RequestError } from './request-error.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route works without a token. */
    isOpen?: boolean;
  }
}

/** Only the server's own files, nothing inline. Pictures may be data URLs, for uploads. */
const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Headers of every response. */
export const SECURITY_HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * The token that requests need; null for none.
 * @throws ConfigError for an address beyond loopback without a token, unless `token` is false
 */
export function tokenFor(host: string, token: string | false | undefined): string | null {
  if (token === '')
    throw new ConfigError(
      'token: expected a text, received an empty one (of --token, else of the variable VISUALBERT_TOKEN)',
    );
  if (token !== undefined) return token === false ? null : token;
  if (isLoopback(host)) return null;
  throw new ConfigError(
    `serve: host ${host} can be reached from other machines, so requests need a token: give one (--token, or $VISUALBERT_TOKEN; in code token), or allow requests without one (--no-token; token: false)`,
  );
}

/** Adds the checks and headers of every request. Routes with `config.isOpen` need no token. */
export function guard(app: FastifyInstance, host: string, token: string | null): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    // A page of another site whose name resolves to this machine (DNS rebinding) sends its own host name.
    if (isLoopback(host) && !isLoopback(request.hostname.replace(/^\[(.*)\]$/, '$1')))
      return done(new RequestError(421, `expected a request to localhost, received one to ${request.hostname}`));
    const { isOpen } = request.routeOptions.config;
    if (token === null || isOpen === true || hasToken(request.headers.authorization, token)) return done();
    void reply.header('www-authenticate', 'Bearer');
    done(new RequestError(401, 'expected the header Authorization: Bearer TOKEN with the token of this server'));
  });
}

function hasToken(header: string | undefined, token: string): boolean {
  const [, given] = /^Bearer (.+)$/i.exec(header ?? '') ?? [];
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}
