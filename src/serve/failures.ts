// Error responses: a status and a message that states what was expected, never a stack trace.
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { SECURITY_HEADERS } from './guard.js';
import { RequestError } from './request-error.js';
import type { PROBLEM } from './schemas.js';

/** Maximum length of a message, which may quote the request. */
const LONGEST_MESSAGE = 1000;
/** Fastify's code of an error for a body in another form than JSON. */
const WRONG_TYPE = 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
/** Fastify's code of an error for a body that is no JSON, or has a key that could change objects. */
const NO_JSON = 'FST_ERR_CTP_INVALID_JSON_BODY';
/** Fastify's code of an error for a body above the limit. */
const TOO_LARGE = 'FST_ERR_CTP_BODY_TOO_LARGE';
/** Responses to connections that Node gives up before there is a request, by Node's code of the error. */
const BROKEN_REQUESTS: Readonly<Record<string, readonly [status: number, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'expected the whole request within the time limit of this server (--limit-seconds)'],
  HPE_HEADER_OVERFLOW: [431, 'expected shorter headers'],
};
/** The methods of this server's routes. */
const METHODS = ['GET', 'POST'] as const;
/** Maximum elements and keys of a body besides its features: checking more would delay other requests. */
const MAX_NODES = 10_000;

/** Handles errors and unknown addresses, and rejects bodies that would take long to check. */
export function handleFailures(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { statusCode = 500 } = error;
    if (error instanceof RequestError && error.retryAfter !== undefined)
      void reply.header('retry-after', String(error.retryAfter));
    if (error.code === WRONG_TYPE) {
      const received = request.headers['content-type'] ?? 'none';
      return send(reply, statusCode, `expected the header "content-type: application/json", received ${received}`);
    }
    if (error.code === NO_JSON)
      return send(
        reply,
        statusCode,
        'expected a body of valid JSON, without NaN, and without a key __proto__ or constructor',
      );
    if (error.code === TOO_LARGE) {
      const { bodyLimit } = request.routeOptions;
      return send(
        reply,
        statusCode,
        `expected a body of at most ${bodyLimit} bytes, the limit of this server (--limit-body)`,
      );
    }
    if (statusCode < 500 || error instanceof RequestError) return send(reply, statusCode, error.message);
    request.log.error(error);
    return send(reply, 500, `internal error; the server's log has the reason under request ${request.id}`);
  });
  app.setNotFoundHandler((request, reply) => {
    const { method, url } = request;
    const [path = ''] = url.split('?');
    const allowed = METHODS.filter((other) => app.findRoute({ method: other, url: path }) !== null);
    if (allowed.length === 0)
      return send(reply, 404, `no ${method} ${url}; /docs describes the addresses of this server`);
    void reply.header('allow', allowed.join(', '));
    return send(reply, 405, `expected ${allowed.join(' or ')} for ${path}, received ${method}`);
  });
  app.addHook('preValidation', (request, _reply, done) => {
    const isSmall = nodesOf(request.body) <= MAX_NODES;
    done(isSmall ? undefined : new RequestError(422, `expected at most ${MAX_NODES} values besides features`));
  });
}

/** Answers addresses that the router rejects before any hook runs: `%zz`, or an id that is too long. */
export function rejectAddress(
  { statusCode = 400, message }: FastifyError,
  _: FastifyRequest,
  reply: FastifyReply,
): void {
  send(reply.headers(SECURITY_HEADERS), statusCode, message);
}

/** Answers connections that send no valid HTTP, or send it too slowly, and closes them. */
export function rejectConnection({ code }: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable) return void socket.destroy();
  const [status, message] = BROKEN_REQUESTS[code ?? ''] ?? [400, 'expected a valid HTTP/1.1 request'];
  const problem = problemOf(status, message);
  const body = JSON.stringify(problem);
  const headers = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status} ${problem.error}\r\n${headers}\r\n\r\n${body}`);
}

function send(reply: FastifyReply, status: number, message: string): FastifyReply {
  const shown = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}...` : message;
  return reply.code(status).type('application/json').serializer(JSON.stringify).send(problemOf(status, shown));
}

/** The body of every error response. */
function problemOf(status: number, message: string): z.output<typeof PROBLEM> {
  return { status, error: STATUS_CODES[status] ?? 'Error', message };
}

/** Elements and keys of a value without those of `features`, counted up to the limit; iterative, since a body may be deeply nested. */
function nodesOf(body: unknown): number {
  const open: unknown[] = [body];
  let count = 0;
  while (open.length > 0 && count <= MAX_NODES) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    const isList = Array.isArray(value);
    const length = isList ? value.length : Object.keys(value).length;
    count += length;
    if (count > MAX_NODES) break;
    for (const [key, child] of Object.entries(value)) if (isList || key !== 'features') open.push(child);
  }
  return count;
}
