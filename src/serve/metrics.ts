// The server's metrics for Prometheus.
import type { FastifyInstance } from 'fastify';
import type { ServerPackages } from './packages.js';

/** Buckets in seconds: a model answers in 0.01 s to several seconds. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128];

/** The metrics of one server. */
export interface ServerMetrics {
  observeBatch(size: number, seconds: number): void;
  /** Measures the requests of an app, and serves the metrics at `/metrics`. */
  install(app: FastifyInstance, waiting: () => number): void;
}

export function createMetrics({ prometheus }: Pick<ServerPackages, 'prometheus'>): ServerMetrics {
  const registers = [new prometheus.Registry()];
  const [registry] = registers as [InstanceType<typeof prometheus.Registry>];
  prometheus.collectDefaultMetrics({ register: registry });
  const requests = new prometheus.Histogram({
    name: 'visualbert_request_seconds',
    help: 'Time of requests from their first byte to the last of the response',
    labelNames: ['route', 'status'] as const,
    buckets: SECONDS,
    registers,
  });
  const batches = new prometheus.Histogram({
    name: 'visualbert_batch_seconds',
    help: 'Time of one batch in the model',
    buckets: SECONDS,
    registers,
  });
  const sizes = new prometheus.Histogram({
    name: 'visualbert_batch_examples',
    help: 'Requests that shared a batch',
    buckets: SIZES,
    registers,
  });
  return {
    observeBatch: (size, seconds) => {
      batches.observe(seconds);
      sizes.observe(size);
    },
    install: (app, waiting) => {
      new prometheus.Gauge({
        name: 'visualbert_requests_waiting',
        help: 'Requests that wait for the model',
        registers,
        collect() {
          this.set(waiting());
        },
      });
      app.addHook('onResponse', (request, reply, done) => {
        // each unknown address would become a time series of its own
        const route = request.routeOptions.url ?? 'none';
        requests.observe({ route, status: String(reply.statusCode) }, reply.elapsedTime / 1000);
        done();
      });
      app.get('/metrics', { schema: { summary: 'Metrics for Prometheus', tags: ['state'] } }, async (_, reply) =>
        reply.type(registry.contentType).send(await registry.metrics()),
      );
    },
  };
}
