// The tasks that can be served: the route of each, and the conversion of its body to the pipeline's input.
import { z } from 'zod';
import type { RegionFeatures } from '../features/region-features.js';
import type { CallOptions, PipelineInput, PipelineName, PipelineOutput } from '../pipelines/contract.js';
import type { RequestSchemas, RESPONSES, TaskResponse } from './schemas.js';

/** The tasks that give answers. */
export type ServedName = Exclude<PipelineName, 'feature-extraction'>;

/** A served task. Its body has `regions` besides `fields`, and `topK` where the task ranks. */
export interface ServedTask<T extends ServedName> {
  /** Route below `/v1/`. */
  path: Exclude<keyof typeof RESPONSES, 'explain'>;
  summary: string;
  /** A body without its image: an example, also used for warming up. */
  sample: Readonly<Record<string, unknown>>;
  fields: (schemas: RequestSchemas) => z.ZodRawShape;
  /** Whether `regions` may be those of two images. */
  hasSeveralImages: boolean;
  ranks: boolean;
  /** @param body checked by `fields` */
  inputOf(body: Readonly<Record<string, unknown>>, images: readonly RegionFeatures[]): PipelineInput<T>;
  /** The response for the pipeline's result. */
  answerOf(output: PipelineOutput<T>): TaskResponse;
}

/** Regions of the one image of a body. */
const only = ([regions]: readonly RegionFeatures[]): RegionFeatures => regions as RegionFeatures;

type Body<T extends ServedName> = Omit<PipelineInput<T>, 'regions'>;

export const SERVED_TASKS: { readonly [T in ServedName]: ServedTask<T> } = {
  'visual-question-answering': {
    path: 'answer',
    summary: 'Answer a question about an image',
    sample: { question: 'What is in the picture?' },
    fields: ({ text }) => ({ question: text }),
    hasSeveralImages: false,
    ranks: true,
    inputOf: (body, images) => ({ ...(body as Body<'visual-question-answering'>), regions: only(images) }),
    answerOf: (answers) => ({ answers }),
  },
  'visual-reasoning': {
    path: 'reason',
    summary: 'Classify a statement about one image or a pair, such as whether it is true',
    sample: { statement: 'There is a dog in the picture.' },
    fields: ({ text }) => ({ statement: text, textPair: text.optional() }),
    hasSeveralImages: true,
    ranks: true,
    inputOf: (body, images) => ({ ...(body as Body<'visual-reasoning'>), regions: images }),
    answerOf: (classes) => ({ classes }),
  },
  'visual-multiple-choice': {
    path: 'choose',
    summary: 'Choose the answer or rationale that fits a question about an image',
    sample: { question: 'What is in the picture?', choices: ['A dog.', 'A cat.'] },
    fields: ({ tagged, choices, objects }) => ({ question: tagged, choices, objects }),
    hasSeveralImages: false,
    ranks: true,
    inputOf: (body, images) => ({ ...(body as Body<'visual-multiple-choice'>), regions: only(images) }),
    answerOf: (choices) => ({ choices }),
  },
  'phrase-grounding': {
    path: 'ground',
    summary: 'Find the regions of an image that phrases of a sentence refer to',
    sample: { sentence: 'A man walks his dog .', phrases: ['A man', 'his dog'] },
    fields: ({ text, phrases }) => ({ sentence: text, phrases }),
    hasSeveralImages: false,
    ranks: true,
    inputOf: (body, images) => ({ ...(body as Body<'phrase-grounding'>), regions: only(images) }),
    answerOf: (phrases) => ({ phrases }),
  },
  'fill-mask': {
    path: 'fill',
    summary: 'Predict the words at [MASK] in a text about an image',
    sample: { text: 'a [MASK] in the picture' },
    fields: ({ text }) => ({ text, textPair: text.optional() }),
    hasSeveralImages: false,
    ranks: true,
    inputOf: (body, images) => ({ ...(body as Body<'fill-mask'>), regions: only(images) }),
    answerOf: (masks) => ({ masks }),
  },
  'image-text-matching': {
    path: 'match',
    summary: 'Predict whether a text and an image belong together',
    sample: { text: 'a dog in the picture' },
    fields: ({ text }) => ({ text, textPair: text.optional() }),
    hasSeveralImages: false,
    ranks: false,
    inputOf: (body, images) => ({ ...(body as Body<'image-text-matching'>), regions: only(images) }),
    answerOf: (match) => match,
  },
};

/** The names of the tasks that can be served. */
export const SERVED_NAMES = Object.keys(SERVED_TASKS) as ServedName[];

/** A schema of a task's body. */
export function bodySchema<T extends ServedName>(task: ServedTask<T>, schemas: RequestSchemas): z.ZodObject {
  return z.strictObject({
    ...task.fields(schemas),
    regions: task.hasSeveralImages ? schemas.images : schemas.image,
    ...(task.ranks ? { topK: schemas.topK } : {}),
  });
}

/** The options of a pipeline's call that a body has. */
export function callOptions<T extends ServedName>(topK: number | undefined): CallOptions<T> {
  return (topK === undefined ? {} : { topK }) as CallOptions<T>;
}
