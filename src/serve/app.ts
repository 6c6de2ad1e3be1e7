// The HTTP application: Fastify with limits, checks, API document and routes.
import type { FastifyInstance } from 'fastify';
import { handleFailures, rejectAddress, rejectConnection } from './failures.js';
import { guard } from './guard.js';
import { addImageRoutes } from './image-routes.js';
import type { ServerMetrics } from './metrics.js';
import { addPage } from './page/page.js';
import { addModelRoutes } from './model-routes.js';
import type { ServerPackages } from './packages.js';
import type { LogLevel, ResolvedLimits } from './options.js';
import { requestSchemas } from './schemas.js';
import type { ModelService } from './service.js';
import { addStateRoutes } from './state-routes.js';
import type { ServedName } from './tasks.js';
import { compileCheck } from './validation.js';

export interface AppOptions {
  host: string;
  token: string | null;
  limits: ResolvedLimits;
  logLevel: LogLevel;
  metrics: ServerMetrics;
  /** Why the server is not ready for requests; null when it is. */
  problem: () => string | null;
}

/** Interval of Node's check for requests that arrive too slowly. */
const CHECK_MS = 2000;

/** The app, not yet listening. */
export async function createApp(
  packages: ServerPackages,
  service: ModelService<ServedName>,
  { host, token, limits, logLevel, metrics, problem }: AppOptions,
): Promise<FastifyInstance> {
  const requestTimeout = 1000 * limits.seconds;
  const app: FastifyInstance = packages.fastify({
    logger: { level: logLevel, stream: process.stderr },
    bodyLimit: limits.bodyBytes,
    requestTimeout,
    // Node uses the smaller one for headers and the larger one for whole requests.
    http: { requestTimeout, headersTimeout: requestTimeout, connectionsCheckingInterval: CHECK_MS },
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: rejectAddress,
    clientErrorHandler: rejectConnection,
    return503OnClosing: false, // what arrives on an open connection is still answered: `close` waits for it
  });
  app.removeContentTypeParser('text/plain'); // JSON only, which pages of other sites cannot send without a CORS preflight
  app.setValidatorCompiler(compileCheck);
  app.setSerializerCompiler(packages.zod.serializerCompiler);
  handleFailures(app);
  guard(app, host, token);
  await app.register(packages.swagger, {
    openapi: {
      info: { title: 'VisualBERT', description: `${service.task.summary}.`, version: '1' },
      ...(token === null
        ? {}
        : {
            components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
            security: [{ token: [] }],
          }),
    },
    transform: packages.zod.jsonSchemaTransform,
  });
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, isOpen: true };
    });
    await docs.register(packages.swaggerUi, { routePrefix: '/docs' });
  });
  metrics.install(app, () => service.queue.waiting);
  const schemas = requestSchemas(limits);
  addStateRoutes(app, problem);
  addImageRoutes(app, service, schemas);
  addModelRoutes(app, service, schemas);
  addPage(app);
  return app;
}
