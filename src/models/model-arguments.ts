// Checks of a model's arguments: seeds, and patterns of parameter names.
import { ConfigError } from '../errors.js';

/** The kind of a value, for errors. */
export function kindOf(value: unknown): string {
  return value === null || value === undefined
    ? String(value)
    : typeof value === 'object'
      ? 'a plain object'
      : typeof value;
}

/** The given seed. @throws ConfigError for one that is not a number. */
export function requireSeed(who: string, seed: number | undefined): number | undefined {
  if (seed === undefined || Number.isFinite(seed)) return seed;
  throw new ConfigError(`${who}: expected seed to be a number, received ${kindOf(seed)}`);
}

/** A random seed of dropout, where none is given. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

/**
 * The names of parameters that match: `*` stands for any part of a name.
 * @throws ConfigError when none matches, or the pattern is invalid.
 */
export function matchingNames(who: string, names: readonly string[], pattern: string | RegExp): string[] {
  if (typeof pattern !== 'string' && !(pattern instanceof RegExp)) {
    throw new ConfigError(`${who}: expected a pattern such as visual_bert.embeddings.*, received ${kindOf(pattern)}`);
  }
  const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const expression =
    typeof pattern === 'string' ? new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`) : pattern;
  const matching = names.filter((name) => expression.test(name));
  if (matching.length > 0) return matching;
  throw new ConfigError(
    `${who}: no parameter matches ${String(pattern)}; namedParameters() lists the names, such as ${names[0]}, and * stands for any part of one`,
  );
}
