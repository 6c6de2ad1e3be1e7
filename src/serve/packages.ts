// The packages that only servers need: optional peers, imported when a server starts.
import type * as Swagger from '@fastify/swagger';
import type * as SwaggerUi from '@fastify/swagger-ui';
import type * as Fastify from 'fastify';
import type * as FastifyZod from 'fastify-type-provider-zod';
import type * as Prometheus from 'prom-client';
import { ConfigError, errorMessage } from '../errors.js';

const NAMES = 'fastify fastify-type-provider-zod @fastify/swagger @fastify/swagger-ui prom-client';

/** What a server is built from. */
export interface ServerPackages {
  fastify: typeof Fastify.fastify;
  zod: typeof FastifyZod;
  swagger: typeof Swagger.fastifySwagger;
  swaggerUi: typeof SwaggerUi.fastifySwaggerUi;
  prometheus: typeof Prometheus;
}

/** @throws ConfigError naming all of them when one is not installed */
export async function importServerPackages(): Promise<ServerPackages> {
  try {
    const [{ fastify }, zod, { fastifySwagger }, { fastifySwaggerUi }, prometheus] = await Promise.all([
      import('fastify'),
      import('fastify-type-provider-zod'),
      import('@fastify/swagger'),
      import('@fastify/swagger-ui'),
      import('prom-client'),
    ]);
    return { fastify, zod, swagger: fastifySwagger, swaggerUi: fastifySwaggerUi, prometheus };
  } catch (error) {
    throw new ConfigError(
      `serve: a server needs packages that are not installed; run \`npm install ${NAMES}\` (${errorMessage(error)})`,
    );
  }
}
