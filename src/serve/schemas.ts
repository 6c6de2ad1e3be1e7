// Schemas of requests and responses: checked by zod, shown in the API's document.
import { z } from 'zod';
import { EXPLANATION_METHODS } from '../explain/contract.js';
import { expected, shown } from '../options.js';
import { counted } from '../words.js';
import type { ResolvedLimits } from './options.js';

/** Maximum width of region features. */
const MAX_DIM = 16_384;
/** Pixels along a side of a picture. */
const MAX_SIDE = 100_000;
const MAX_CHOICES = 32;
const MAX_PHRASES = 32;
const MAX_TOKENS = 512;
const MAX_OBJECTS = 256;
const MAX_TOP = 100;
const MAX_ID = 256;
const ONE_IMAGE = 'expected one of { image: "ID" } of the store, { features: [[...], ...] } and { picture: "BASE64" }';

/** One image of a request: `image`, `features` or `picture`. */
export interface ImageBody {
  /** Id of an image of the store. */
  image?: string | undefined;
  /** One row per region. */
  features?: number[][] | undefined;
  /** For features: x1, y1, x2, y2 in pixels. */
  boxes?: [number, number, number, number][] | undefined;
  width?: number | undefined;
  height?: number | undefined;
  /** The file of a picture in base64. */
  picture?: string | undefined;
}

/** The parts of requests of all tasks. */
export interface RequestSchemas {
  text: z.ZodType<string>;
  image: z.ZodType<ImageBody>;
  /** The file of a picture. */
  picture: z.ZodType<string>;
  /** One image, or two. */
  images: z.ZodType<ImageBody | ImageBody[]>;
  /** A text, or VCR's words and tags. */
  tagged: z.ZodType;
  choices: z.ZodType;
  objects: z.ZodType;
  phrases: z.ZodType;
  topK: z.ZodType<number | undefined>;
  /** Options of an explanation. */
  explaining: z.ZodObject;
}

/** The parts of requests within the server's limits. */
export function requestSchemas({ regions: maxRegions, characters }: ResolvedLimits): RequestSchemas {
  const text = z.string().max(characters).regex(/\S/, { error: 'expected a text, received an empty one' });
  const coordinate = z.number().min(-MAX_SIDE).max(MAX_SIDE);
  const side = z.number().positive().max(MAX_SIDE);
  const picture = z
    .string()
    .meta({ description: 'the file of a picture in base64 or as a data URL, where the server has a detector' });
  const image = z
    .strictObject({
      image: z.string().min(1).max(MAX_ID).optional().meta({ description: 'id of an image of the store' }),
      features: matrix(maxRegions).optional(),
      boxes: z
        .array(z.tuple([coordinate, coordinate, coordinate, coordinate]))
        .max(maxRegions)
        .optional()
        .meta({ description: 'of features: x1, y1, x2, y2 in pixels for each region' }),
      width: side.optional().meta({ description: 'of the picture in pixels' }),
      height: side.optional(),
      picture: picture.optional(),
    })
    .refine(
      ({ image: id, features, picture }) => [id, features, picture].filter((one) => one !== undefined).length === 1,
      {
        error: ({ input }) => `${ONE_IMAGE}, received ${namesIn(input)}`,
      },
    )
    .refine(({ features, boxes }) => boxes === undefined || boxes.length === features?.length, {
      error: ({ input }) => {
        const { features = [], boxes = [] } = input as ImageBody;
        return `expected as many boxes as rows of features, received ${boxes.length} and ${features.length}`;
      },
    });
  const token = z.union([text, z.array(z.int().nonnegative()).max(MAX_OBJECTS)]);
  const tagged = z.union([text, z.array(token).min(1).max(MAX_TOKENS)], {
    error: expected(
      `a text of at most ${characters} characters, or words and tags such as ["Why", "is", [0], "here", "?"]`,
    ),
  });
  return {
    text,
    image,
    picture,
    images: z.union([image, z.array(image).min(1).max(2)], {
      error: `${ONE_IMAGE}, or a list of two of them`,
    }),
    tagged,
    choices: z.array(tagged).min(2).max(MAX_CHOICES),
    objects: z.array(z.string().min(1).max(MAX_ID)).max(MAX_OBJECTS).optional(),
    phrases: z
      .array(
        z.union([text, z.strictObject({ first: z.int().nonnegative(), last: z.int().nonnegative() })], {
          error: expected('words of the sentence, or { first, last } of its words'),
        }),
      )
      .min(1)
      .max(MAX_PHRASES),
    topK: z.int().min(1).max(MAX_TOP).optional(),
    explaining: z.strictObject({
      method: z.enum(EXPLANATION_METHODS).optional(),
      answer: z
        .union([text, z.int().nonnegative()], { error: expected('the text of an answer, or its index') })
        .optional(),
      asked: z.int().nonnegative().optional(),
      layer: z.int().nonnegative().optional(),
      head: z.int().nonnegative().optional(),
    }),
  };
}

/** The ways of giving an image that a body has. */
function namesIn(body: unknown): string {
  const names = (['image', 'features', 'picture'] as const).filter((name) => (body as ImageBody)[name] !== undefined);
  return names.join(' and ') || 'none';
}

/** Rows of numbers of equal length. Checked by hand: zod would collect an error for each of a million wrong ones. */
function matrix(maxRows: number): z.ZodType<number[][], number[][]> {
  return z
    .custom<number[][]>((value) => matrixProblem(value, maxRows) === null, {
      error: ({ input }) =>
        `expected 1 to ${maxRows} rows of 1 to ${MAX_DIM} finite numbers, of equal length, received ${matrixProblem(input, maxRows)}`,
    })
    .meta({
      description: 'region features, one row per region',
      type: 'array',
      items: { type: 'array', items: { type: 'number' } },
      maxItems: maxRows,
    });
}

/** What keeps a value from being a matrix; null where nothing does. */
function matrixProblem(value: unknown, maxRows: number): string | null {
  if (!Array.isArray(value)) return shown(value);
  const rows = value as readonly unknown[];
  if (rows.length < 1 || rows.length > maxRows) return counted(rows.length, 'row');
  const width = lengthOf(rows[0]);
  const isWrong = (row: unknown): boolean => lengthOf(row) !== width || !isFloats(row);
  const index = width < 1 || width > MAX_DIM ? 0 : rows.findIndex(isWrong);
  if (index < 0) return null;
  const row = rows[index];
  if (!Array.isArray(row)) return `${shown(row)} as row ${index}`;
  const at = row.findIndex((number) => !isFloat32(number));
  if (at >= 0) return `${shown(row[at])} as number ${at} of row ${index}`;
  return `${counted(row.length, 'number')} in row ${index}${index === 0 ? '' : `, ${width} in row 0`}`;
}

/** 0 for anything but a list. */
function lengthOf(row: unknown): number {
  return Array.isArray(row) ? row.length : 0;
}

function isFloats(row: unknown): boolean {
  return Array.isArray(row) && row.every(isFloat32);
}

/** Whether a value is a number that stays finite in 32 bits. */
function isFloat32(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(Math.fround(value));
}

const score = z.number().meta({ description: 'probability' });
const index = z.int();
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]).readonly().optional();
const answered = z.object({
  truncated: z
    .literal(true)
    .optional()
    .meta({ description: 'where a text is longer than maxLength of /v1/model, so that its rest was not read' }),
});

/** Responses of tasks. */
export const RESPONSES = {
  answer: answered.extend({ answers: z.array(z.object({ answer: z.string(), index, score })) }),
  reason: answered.extend({ classes: z.array(z.object({ label: z.string(), index, score })) }),
  choose: answered.extend({ choices: z.array(z.object({ choice: z.string(), index, score })) }),
  ground: answered.extend({
    phrases: z.array(z.object({ phrase: z.string(), regions: z.array(z.object({ index, score, box })) })),
  }),
  fill: answered.extend({
    masks: z.array(z.object({ position: z.int(), words: z.array(z.object({ word: z.string(), id: z.int(), score })) })),
  }),
  match: answered.extend({ score, matches: z.boolean() }),
  explain: answered.extend({
    method: z.enum(EXPLANATION_METHODS),
    layer: z.int().optional(),
    head: z.int().nullable().optional(),
    asked: z.string().optional(),
    answer: z.object({ label: z.string(), index, score }),
    answers: z.array(z.object({ label: z.string(), index, score })),
    words: z.array(z.object({ text: z.string(), positions: z.array(z.int()).readonly(), score: z.number() })),
    images: z.array(
      z.object({
        width: z.number().optional(),
        height: z.number().optional(),
        regions: z.array(z.object({ score: z.number(), box })),
      }),
    ),
    pairs: z.array(z.array(z.number())).optional(),
  }),
} as const;

/** A response of any task. */
export type TaskResponse = z.output<(typeof RESPONSES)[Exclude<keyof typeof RESPONSES, 'explain'>]>;

/** The body of an error response. */
export const PROBLEM = z.object({
  status: z.int(),
  error: z.string(),
  message: z.string().meta({ description: 'what was expected' }),
});
