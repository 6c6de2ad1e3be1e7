// `/healthz` and `/readyz`, the probes of process supervisors.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RequestError } from './request-error.js';
import { PROBLEM } from './schemas.js';

const OK = z.object({ status: z.literal('ok') });

/** @param problem why the server is not ready; null when it is */
export function addStateRoutes(app: FastifyInstance, problem: () => string | null): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const config = { isOpen: true };
  const schema = { tags: ['state'], response: { 200: OK, 503: PROBLEM } };
  routes.get('/healthz', { config, schema: { ...schema, summary: 'Whether the server is alive' } }, async () => ({
    status: 'ok' as const,
  }));
  const summary = 'Whether it has warmed up and accepts requests';
  routes.get('/readyz', { config, schema: { ...schema, summary } }, async () => {
    const found = problem();
    if (found !== null) throw new RequestError(503, found, 1);
    return { status: 'ok' as const };
  });
}
