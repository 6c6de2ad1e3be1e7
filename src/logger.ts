// The logger of the library's warnings and notices: the console, unless a program sets its own.
import { requireKinds } from './options.js';

/** What the library logs with. `console` and the loggers of pino and winston have this shape. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

let current: Logger = console;
const warned = new Set<string>();
/** A server would collect texts without end, as some name what came from outside. */
const MOST_WARNINGS = 1000;

/**
 * Replaces the logger of the whole library; `null` brings back the console. Warnings that were given once may be given again.
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

/** Logs a warning, each text once in the life of a logger, and no more than 1000 texts. */
export function warnOnce(message: string): void {
  if (warned.has(message) || warned.size >= MOST_WARNINGS) return;
  warned.add(message);
  current.warn(message);
}
