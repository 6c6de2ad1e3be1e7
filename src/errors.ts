// Error classes. Every message names its source, what was expected, what was received and what to do.

/** A configuration field or option is unusable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A tensor has a shape, dtype or value range that the receiver cannot use. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** A checkpoint file is damaged, hostile, incomplete or does not fit the model. Names file and offset or key. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';
}

/** A data file, record or region feature is unusable. Names the file and the record. */
export class DataError extends Error {
  override readonly name = 'DataError';
}

/** A run cannot continue: the loss is not finite, or a resumed run differs from the one that was started. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/** Another worker of a cluster was lost or did not connect. Names it; the run can resume from its last checkpoint. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError';
}

/** The native engine is missing or broken, or cannot do what was requested. The message says how to repair it. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** A file could not be fetched from the hub. Names the address, the status and what to do. */
export class HubError extends Error {
  override readonly name = 'HubError';
}

/** The message of anything thrown; errors of another realm (a worker's, an addon's) count as errors. */
export function errorMessage(error: unknown): string {
  const isError = error instanceof Error || Object.prototype.toString.call(error) === '[object Error]';
  return isError ? (error as Error).message : String(error);
}

/**
 * Adds the file's name to an error of the operating system, which calls on an open file do not name (a full disk: "ENOSPC: no space left
 * on device, write"). Other errors are returned unchanged.
 */
export function withFileName(error: unknown, file: string): unknown {
  const { code } = (error ?? {}) as { code?: unknown };
  const message = errorMessage(error);
  if (typeof code !== 'string' || message.includes(file)) return error;
  return Object.assign(new Error(`${file}: ${message}`, { cause: error }), { code });
}
