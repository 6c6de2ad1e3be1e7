// The options of a server with checks, defaults and help texts, defined once; the command makes its flags from them.
import { z } from 'zod';
import { BATCH_SIZE, number, oneOf, parseOptions, text, wholeNumber } from '../options.js';

/** Levels of the server log, from most to least verbose. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** A level of the server log. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where a server listens, what it logs, and how many requests share a batch. */
export const SERVE_OPTIONS = {
  host: text('an address')
    .default('127.0.0.1')
    .describe('address to listen on; any but a loopback address requires a token'),
  port: wholeNumber(0, 65535).default(8000).describe('port; 0 for a free one'),
  logLevel: oneOf(LOG_LEVELS).default('info').describe('level of the log, JSON lines on standard error'),
  batchSize: BATCH_SIZE.default(16).describe('maximum number of requests per batch'),
};

const limit = (): z.ZodNumber => number('a number above 0', (x) => x > 0);

/** Limits that keep one request from using up shared resources. */
export const SERVE_LIMITS = {
  bodyBytes: limit()
    .default(8 * 2 ** 20)
    .describe("maximum size of a request's body"),
  regions: wholeNumber(1).default(256).describe('maximum number of regions of a request'),
  characters: wholeNumber(1).default(2000).describe('maximum length of a text'),
  waiting: wholeNumber(1).default(256).describe('maximum number of waiting requests; others are answered with 503'),
  seconds: limit().default(30).describe('maximum seconds for receiving a request, and for waiting'),
};

const limitsSchema = z.strictObject(SERVE_LIMITS);
const schema = z.strictObject({ ...SERVE_OPTIONS, limits: limitsSchema.prefault({}) });

/** Options of `SERVE_OPTIONS` as callers give them. */
export type ListenOptions = Omit<z.input<typeof schema>, 'limits'>;
/** Limits that keep one request from using up shared resources. */
export type ServeLimits = z.input<typeof limitsSchema>;
/** Limits with the defaults filled in. */
export type ResolvedLimits = z.output<typeof limitsSchema>;

/** @throws OptionsError naming every option and limit that cannot be used */
export function resolveServeOptions(given: z.input<typeof schema>): z.output<typeof schema> {
  return parseOptions('serve', schema, given);
}
