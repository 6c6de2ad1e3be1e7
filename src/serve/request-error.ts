// Errors in responses, with a message for the client.
import { ConfigError, DataError, ShapeError } from '../errors.js';

/** A request that is answered with a status of 4xx or 503. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** The name of the status in Fastify. */
  readonly statusCode: number;
  /** Seconds to wait before a retry. */
  readonly retryAfter: number | undefined;

  constructor(statusCode: number, message: string, retryAfter?: number) {
    super(message);
    this.statusCode = statusCode;
    this.retryAfter = retryAfter;
  }
}

/** Runs a function that reads a request's input: its input errors become RequestErrors with 422. */
export async function withInputErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isAboutInput = error instanceof ConfigError || error instanceof DataError || error instanceof ShapeError;
    throw isAboutInput ? new RequestError(422, error.message) : error;
  }
}
