// Errors that a request is answered with: their message is for the one who sent it.
import { ConfigError, DataError, ShapeError } from '../errors.js';

/** A request that is answered with a status of 4xx or 503. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** What Fastify calls it. */
  readonly statusCode: number;
  /** Seconds after which it is worth trying again. */
  readonly retryAfter: number | undefined;

  constructor(statusCode: number, message: string, retryAfter?: number) {
    super(message);
    this.statusCode = statusCode;
    this.retryAfter = retryAfter;
  }
}

/** Runs what reads a request's input: what it says of the input, with 422. */
export async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isAboutInput = error instanceof ConfigError || error instanceof DataError || error instanceof ShapeError;
    throw isAboutInput ? new RequestError(422, error.message) : error;
  }
}
