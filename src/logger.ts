// The logger of the library's warnings and notices: the console by default.
import { requireKinds } from './options.js';

/** A logger, such as `console`, or one of pino or winston. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

let current: Logger = console;
const warned = new Set<string>();
/** Bounds the memory of a server: some warnings contain data of requests. */
const MOST_WARNINGS = 1000;

/**
 * Replaces the logger of the whole library; `null` restores the console. Warnings that were logged once may be logged again.
 * @example
 * setLogger({ info: () => undefined, warn: (message) => warnings.push(message) });
 */
export function setLogger(logger: Logger | null): void {
  requireKinds('setLogger', { 'a logger': { logger: logger ?? console } });
  current = logger ?? console;
  warned.clear();
}

/** Logs a notice. */
export function info(message: string): void {
  current.info(message);
}

/** Logs a warning, each text once per logger, and at most 1000 texts. */
export function warnOnce(message: string): void {
  if (warned.has(message) || warned.size >= MOST_WARNINGS) return;
  warned.add(message);
  current.warn(message);
}
