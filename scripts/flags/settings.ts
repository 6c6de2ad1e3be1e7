// Makes command-line flags from the schemas of options: names, types, choices and help texts.
import type { Options } from 'yargs';
import { z } from 'zod';
import { kebab } from '../../src/node.js';
import { inFlags } from './words.js';
import { defined } from './internal.js';

export type Schema = z.core.$ZodType;

/** Options by their camelCase names. */
export type Shape = Readonly<Record<string, Schema>>;

/**
 * One flag per field, in kebab-case; without yargs defaults, which would override the values of a config file. Numbers are checked while the
 * command line is parsed, before anything is read.
 * @param markOf what the help says of an option that must be given
 */
export function flagsOf(
  shape: Shape,
  group?: string,
  markOf: (name: string) => string = () => '[required]',
): Record<string, Options> {
  return Object.fromEntries(
    describedOptions(shape).map(({ name, flag, fallback, isRequired, meaning }) => {
      const schema = shape[name] as Schema;
      const kind = kindOf(unwrapped(schema).type);
      if (kind.type === 'number') kind.coerce = (value: unknown) => checkedNumber(flag, schema, value);
      const shown = fallback === undefined ? {} : { defaultDescription: fallback };
      const describe = isRequired ? `${inFlags(meaning)} ${markOf(name)}` : inFlags(meaning);
      return [flag, { ...kind, describe, ...shown, requiresArg: kind.type !== 'boolean', ...defined({ group }) }];
    }),
  );
}

/** Flags of options that a run stores: its values apply before the defaults. */
export function withStoredDefaults(flags: Record<string, Options>): Record<string, Options> {
  const entries = Object.entries(flags).map(([flag, option]): [string, Options] => {
    const { defaultDescription: fallback } = option;
    return [flag, fallback === undefined ? option : { ...option, defaultDescription: `the run's, else ${fallback}` }];
  });
  return Object.fromEntries(entries);
}

/** Help text of an option. */
export interface OptionDescription {
  name: string;
  flag: string;
  /** As JSON. */
  fallback?: string;
  isRequired: boolean;
  meaning: string;
}

/** The options of a schema, for help and docs. */
export function describedOptions(shape: Shape): OptionDescription[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { fallback, isRequired } = unwrapped(schema);
    return {
      name,
      flag: kebab(name),
      ...(fallback === undefined || fallback === null ? {} : { fallback: JSON.stringify(fallback) }),
      isRequired,
      meaning: z.globalRegistry.get(schema)?.description ?? '',
    };
  });
}

/** The values of parsed flags that belong to the fields, by their camelCase names, without flags that were not given. */
export function givenValues(flags: Readonly<Record<string, unknown>>, shape: Shape): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(shape).flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  );
}

/** The schema without its wrappers for defaults, optional and nullable values. */
function unwrapped(schema: Schema): { type: Schema; fallback?: unknown; isRequired: boolean } {
  const { def } = schema._zod as { def: { type: string; innerType?: Schema; defaultValue?: unknown } };
  const inside = (): Schema => unwrapped(def.innerType as Schema).type;
  switch (def.type) {
    case 'default':
      return { type: inside(), fallback: def.defaultValue, isRequired: false };
    case 'optional':
      return { type: inside(), isRequired: false };
    case 'nullable':
    case 'readonly':
      return { type: inside(), isRequired: true };
    default:
      return { type: schema, isRequired: true };
  }
}

function kindOf(schema: Schema): Options {
  const { def } = schema._zod as {
    def: { type: string; in?: Schema; options?: Schema[]; entries?: Record<string, string> };
  };
  switch (def.type) {
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
    case 'int':
      return { type: 'number' };
    case 'enum':
      return { choices: Object.values(def.entries ?? {}) };
    case 'array':
      return { type: 'string', array: true };
    case 'pipe':
      return kindOf(def.in as Schema);
    case 'union': {
      const kinds = (def.options ?? []).map((option) => kindOf(option));
      if (kinds.some(({ array }) => array)) return { type: 'string', array: true };
      if (kinds[0]?.type === 'number') return { type: 'number' };
      // Words or a number: `epoch`, `never` or 500.
      return { type: 'string', ...(kinds.some(({ type }) => type === 'number') ? { coerce: numberIfDigits } : {}) };
    }
    default:
      return { type: 'string' };
  }
}

/** @throws Error for a number that the schema refuses. Other checks refuse values that are not numbers, and repeated flags. */
function checkedNumber(flag: string, schema: Schema, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isNaN(value)) return value;
  const { error } = z.safeParse(schema, value);
  if (error !== undefined) throw new Error(`--${flag}: ${error.issues[0]?.message}`);
  return value;
}

function numberIfDigits(value: string): string | number {
  return /^\d+$/.test(value) ? Number(value) : value;
}
