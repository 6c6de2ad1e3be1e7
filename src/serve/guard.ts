// Who may ask, and what browsers may do with the pages.
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ConfigError } from '../errors.js';
import { RequestError } from './request-error.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a route needs no token. */
    isOpen?: boolean;
  }
}

/** Nothing from elsewhere, nothing inline. Pictures may be data, as uploads are shown. */
const CONTENT_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Whether only this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * The token that requests must bring; null where none is asked for.
 * @throws ConfigError for an address beyond loopback without a token, unless that is said with `false`
 */
export function tokenFor(host: string, token: string | false | undefined): string | null {
  if (token === '') throw new ConfigError('token: expected a text, received an empty one');
  if (token !== undefined) return token === false ? null : token;
  if (isLoopback(host)) return null;
  throw new ConfigError(
    `serve: host ${host} can be reached from other machines, so that requests need a token: give one (--token, or $VISUALBERT_TOKEN; in code token), or say that everyone is answered (--no-token; token: false)`,
  );
}

/** Adds the checks and headers of every request. Routes with `config.isOpen` need no token. */
export function guard(app: FastifyInstance, host: string, token: string | null): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers({
      'content-security-policy': CONTENT_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    // A page of another site whose name leads to this machine (DNS rebinding) sends its own name.
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
