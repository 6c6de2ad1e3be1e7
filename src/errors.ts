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

/** What the operating system's codes say of a path, with what to do. */
export const SYSTEM_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder; check the path, relative ones begin at the current folder',
  ENOTDIR: 'no such file or folder, since a part of the path is a file; check the path',
  EISDIR: 'expected a file, found a folder; name a file',
  EEXIST: 'something is there already; choose another path, or move it away',
  EACCES: 'permission denied; change its permissions, or choose another path',
  EPERM: 'the system does not permit it; change its permissions, or choose another path',
  EROFS: 'the disk is read-only; choose a path on another one',
  ENOSPC: 'the disk is full; free some space, or choose a path on another one',
  EDQUOT: 'the disk quota is used up; free some space, or choose a path on another disk',
  ELOOP: 'links that lead to each other, and to no file; choose another path',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
  EADDRINUSE: 'another program listens there; choose another port',
  ENOTFOUND: 'no machine of that name is known; check the name and the network',
  EADDRNOTAVAIL: 'this machine has no such address; choose another host',
};

/** The message of an error of the operating system in words, with what to do; of any other error as it is. */
export function systemMessage(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return SYSTEM_PROBLEMS[String(code)] ?? errorMessage(error);
}

/**
 * What is wrong with a text that JSON.parse refused, with what to do.
 * @param text the text; one that begins like no object or list is probably another file
 */
export function notJson(error: unknown, text?: string): string {
  if (text !== undefined && !/^\s*[{[]/.test(text))
    return `expected JSON, found ${textStart(text.trimStart().slice(0, 20))}; check the path`;
  return `is not JSON (${errorMessage(error).slice(0, 120)}); correct it or get it again`;
}

/** The beginning of a text that is not the expected one, for messages. */
export function textStart(start: string): string {
  return start === '' ? 'nothing, the file is empty' : JSON.stringify(start);
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
