// The form of an input: which parts a task has, and which of them it requires.
import { ConfigError, DataError } from '../errors.js';
import { requireOptions } from '../options.js';
import { PICTURE_HINT } from './regions.js';

/**
 * Checks the names of an input's parts; regions that are missing alone are left to the check of their forms.
 * @param parts whether each is required
 * @throws ConfigError for anything but an object, and naming what is missing or unknown
 */
export function requireInput(task: string, input: unknown, parts: Readonly<Record<string, boolean>>): void {
  const names = Object.entries(parts).map(([name, isRequired]) => (isRequired ? name : `${name}?`));
  const form = `an input { ${names.join(', ')} }`;
  requireOptions(task, input, form);
  const given = input as Readonly<Record<string, unknown>>;
  const missing = Object.keys(parts).filter((name) => parts[name] === true && given[name] === undefined);
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length === 0 && missing.every((name) => name === 'regions')) return;
  const problems = [
    ...(missing.length === 0 ? [] : [`without ${missing.join(', ')}`]),
    ...(unknown.length === 0 ? [] : [`with unknown ${unknown.join(', ')}`]),
  ];
  throw new ConfigError(
    `${task}: expected ${form}, received one ${problems.join(', ')}${missing.includes('regions') ? PICTURE_HINT : ''}`,
  );
}

/** The error of one of many inputs, with its number. */
export function errorOfInput(index: number, error: unknown): unknown {
  const Kind = [ConfigError, DataError].find((one) => error instanceof one);
  return Kind === undefined ? error : new Kind(`input ${index}: ${(error as Error).message}`, { cause: error });
}
