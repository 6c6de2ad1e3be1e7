// `/v1/model` and the images, for the page and other clients.
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { drawnBoxesOf } from '../explain/page/data.js';
import { pictureKind } from '../pictures/kind.js';
import { PROBLEM, type RequestSchemas } from './schemas.js';
import type { ModelService } from './service.js';
import type { ServedName } from './tasks.js';

const MAX_IDS = 1000;
const DEFAULT_IDS = 50;

const MODEL = z.object({
  task: z.string(),
  model: z.string().meta({ description: 'its class' }),
  endpoints: z.array(z.string()),
  example: z
    .record(z.string(), z.unknown())
    .meta({ description: 'a body that can be sent to the first endpoint as it is' }),
  visualEmbeddingDim: z.int().meta({ description: 'width of features' }),
  maxLength: z.int().meta({ description: 'word pieces of a text that it reads, special tokens included' }),
  compiled: z.boolean(),
  images: z.int().nullable().meta({ description: 'in the store; null without one' }),
  detector: z.boolean().meta({ description: 'whether pictures may be sent' }),
  severalImages: z.boolean().meta({ description: 'whether regions may be those of two images' }),
});

const IMAGE = z.object({
  width: z.number(),
  height: z.number(),
  boxes: z.array(z.array(z.number())).meta({
    description: 'x1, y1, x2, y2 in pixels of each region; tiles in their order where the features have no boxes',
  }),
  hasBoxes: z.boolean(),
});

/** Adds the routes that describe the model and its images. */
export function addImageRoutes(app: FastifyInstance, service: ModelService<ServedName>, schemas: RequestSchemas): void {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const { images, task, name } = service;
  routes.get(
    '/v1/model',
    { schema: { summary: 'What the model does', tags: ['model'], response: { 200: MODEL } } },
    async () => ({
      ...service.describe(),
      task: name,
      endpoints: [`/v1/${task.path}`, '/v1/explain'],
      example: service.example(),
      images: images.count,
      detector: images.canDetect,
      severalImages: task.hasSeveralImages,
    }),
  );
  routes.get(
    '/v1/images',
    {
      schema: {
        summary: 'Ids of the images of the store',
        tags: ['images'],
        querystring: z.object({
          search: z.string().max(256).default(''),
          offset: z.coerce.number().int().nonnegative().default(0),
          limit: z.coerce.number().int().min(1).max(MAX_IDS).default(DEFAULT_IDS),
        }),
        response: { 200: z.object({ ids: z.array(z.string()), total: z.int() }), 400: PROBLEM },
      },
    },
    async ({ query: { search, offset, limit } }) => images.search(search, offset, limit),
  );
  const params = z.object({ id: z.string().min(1).max(256) });
  const withPicture = IMAGE.extend({ picture: z.boolean() });
  routes.get(
    '/v1/images/:id',
    {
      schema: {
        summary: 'The regions of an image, without their features',
        tags: ['images'],
        params,
        response: { 200: withPicture, 404: PROBLEM },
      },
    },
    async ({ params: { id } }) => ({
      ...drawnBoxesOf(await images.regionsOf(id)),
      picture: images.hasPicture(id),
    }),
  );
  routes.get(
    '/v1/images/:id/picture',
    { schema: { summary: 'The picture of an image', tags: ['images'], params } },
    async ({ params: { id } }, reply) => {
      const bytes = await images.pictureOf(id);
      return reply.type(`image/${pictureKind(bytes) ?? 'png'}`).send(Buffer.from(bytes));
    },
  );
  routes.post(
    '/v1/regions',
    {
      schema: {
        summary: 'The regions that the detector finds in a picture, without their features',
        tags: ['images'],
        body: z.strictObject({ picture: schemas.picture }),
        response: { 200: IMAGE, 400: PROBLEM, 404: PROBLEM, 422: PROBLEM, 503: PROBLEM },
      },
    },
    async ({ body }) => drawnBoxesOf(await service.regionsOfImage(body)),
  );
}
