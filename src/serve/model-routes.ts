// `/v1/answer`, `reason`, `choose`, `ground`, `fill`, `match` and `explain`: the model's task answers, the others return what it can do.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { ExplainOptions } from '../explain/contract.js';
import { RequestError } from './request-error.js';
import { PROBLEM, type RequestSchemas, RESPONSES } from './schemas.js';
import type { ModelService, TaskBody } from './service.js';
import { bodySchema, SERVED_NAMES, SERVED_TASKS, type ServedName, type ServedTask } from './tasks.js';
import { defined } from '../options.js';

const PROBLEMS = { 400: PROBLEM, 404: PROBLEM, 409: PROBLEM, 413: PROBLEM, 422: PROBLEM, 503: PROBLEM };

/** Adds the routes of all tasks. */
export function addModelRoutes(app: FastifyInstance, service: ModelService<ServedName>, schemas: RequestSchemas): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  for (const name of SERVED_NAMES) {
    const task: ServedTask<ServedName> = SERVED_TASKS[name];
    const { path, summary } = task;
    if (name !== service.name) {
      routes.post(`/v1/${path}`, { schema: { summary, hide: true } }, async () => {
        throw new RequestError(
          409,
          `expected a request for ${service.name}, the task of this model, received one for ${name}: POST /v1/${service.task.path} or /v1/explain`,
        );
      });
      continue;
    }
    const body = bodySchema(task, schemas);
    routes.post(
      `/v1/${path}`,
      { schema: { summary, tags: ['model'], body, response: { 200: RESPONSES[path], ...PROBLEMS } } },
      async (request, reply) => service.answer(request.body as TaskBody, closing(reply)),
    );
    const explained = body.extend(schemas.explaining.shape);
    routes.post(
      '/v1/explain',
      {
        schema: {
          summary: 'Score words and regions by their relevance to an answer',
          tags: ['model'],
          body: explained,
          response: { 200: RESPONSES.explain, ...PROBLEMS },
        },
      },
      async (request, reply) => {
        const { method, answer, asked, layer, head, topK, ...rest } = request.body as TaskBody & ExplainOptions;
        const options: ExplainOptions = defined({ method, answer, asked, layer, head, topK });
        return service.explain(rest, options, closing(reply));
      },
    );
  }
}

/** A signal that aborts when the client closes the connection before the response. */
function closing({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
