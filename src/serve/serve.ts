// serve(): serves a checkpoint over HTTP.
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { ConfigError } from '../errors.js';
import { tasksOfCheckpoint } from '../pipelines/checkpoint-tasks.js';
import type { Pipeline } from '../pipelines/contract.js';
import { pipeline } from '../pipelines/node-pipeline.js';
import { createApp } from './app.js';
import type { RunningServer, ServeOptions } from './contract.js';
import { tokenFor } from './guard.js';
import { ServedImages } from './images.js';
import { createMetrics } from './metrics.js';
import { resolveServeOptions } from './options.js';
import { importServerPackages } from './packages.js';
import { STOPPING } from './queue.js';
import { ModelService } from './service.js';
import { SERVED_NAMES, type ServedName } from './tasks.js';
import { defined, requireOptions } from '../options.js';

/**
 * How long a server that stops still takes requests: those on their way, and those that a load balancer sends before it reads from /readyz that
 * it should not.
 */
const DRAIN_MS = 500;
/**
 * Loads a checkpoint and listens. Requests that arrive while the model runs share its next batch.
 * @example
 * const server = await serve({ model: 'runs/vqa', features: 'features.vbf', port: 0, logLevel: 'silent' });
 * const body = JSON.stringify({ question: 'What color is the bus?', regions: { image: '1' } });
 * const response = await fetch(`${server.url}/v1/answer`, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
 * const { answers } = await response.json(); // [{ answer, index, score }, ...]
 * await server.close();
 * @throws DataError for features of another width than the model's; ConfigError for a checkpoint without a task, packages that are not installed, or an address beyond loopback without a token
 */
export async function serve(given: ServeOptions): Promise<RunningServer> {
  requireOptions('serve', given);
  const { model, features, pixels, pictures, token, ...others } = given;
  const { host: givenHost, port: givenPort, logLevel: level, batchSize: most, limits, ...options } = others;
  const resolved = resolveServeOptions({ host: givenHost, port: givenPort, logLevel: level, batchSize: most, limits });
  const { host, port, logLevel, batchSize, limits: bounds } = resolved;
  const asked = tokenFor(host, token);
  const packages = await importServerPackages();
  const { task: named, detector, ...loading } = options;
  const task = requireServed(named ?? (await tasksOfCheckpoint(model))[0]);
  const images = await ServedImages.open({ model, ...defined({ features, pixels, pictures, detector }) });
  const metrics = createMetrics(packages);
  const loaded = await pipeline(task, model, { ...loading, batchSize }).catch(async (error: unknown) => {
    await images.close();
    throw error;
  });
  const queue = { batchSize, waiting: bounds.waiting, seconds: bounds.seconds, onBatch: metrics.observeBatch };
  const service = new ModelService(loaded as Pipeline<ServedName>, images, queue);
  try {
    let isWarm = false;
    const closing = new AbortController();
    const problem = (): string | null => {
      if (closing.signal.aborted) return STOPPING;
      if (!isWarm) return 'the model is warming up';
      return service.queue.isFull ? 'busy: the queue of requests is full' : null;
    };
    const app = await createApp(packages, service, { host, token: asked, limits: bounds, logLevel, metrics, problem });
    app.addHook('onSend', async (_, reply) => void (closing.signal.aborted && reply.header('connection', 'close')));
    const sample = await service.sample();
    await app.listen({ host, port });
    const ready = service.warmUp(sample, closing.signal).then(() => void (isWarm = true));
    ready.catch((error: unknown) => app.log.error(error, 'warming up the model failed'));
    const { port: taken } = app.server.address() as AddressInfo;
    return {
      url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
      task,
      log: app.log,
      ready,
      close: async () => {
        closing.abort();
        await pause(DRAIN_MS);
        await nextTurns(); // what came while an explanation was computed is read first
        const late = setTimeout(() => app.server.closeAllConnections(), 1000 * bounds.seconds);
        await app.close().finally(() => clearTimeout(late));
        await service.close();
      },
    };
  } catch (error) {
    await service.close();
    throw error;
  }
}

/** Connections that wait are accepted in one turn of the event loop, and their requests read in the next. */
async function nextTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await nextTurn();
}

function requireServed(task: string): ServedName {
  const found = SERVED_NAMES.find((name) => name === task);
  if (found === undefined)
    throw new ConfigError(
      `serve: expected a task that can be served, received ${task}; these are ${SERVED_NAMES.join(', ')}`,
    );
  return found;
}
