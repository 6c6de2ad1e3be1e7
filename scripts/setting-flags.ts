// Flags of the command line from checked schemas: names, kinds, choices and help texts come from there.
import type { Options } from 'yargs';
import { z } from 'zod';
import { TASK_OPTIONS } from '../src/node.js';

export type Schema = z.core.$ZodType;

/** The options of all tasks together, for commands that learn from a run which task it is. */
export const TASK_SHAPES = Object.assign(
  {},
  ...Object.values(TASK_OPTIONS).map(({ shape }) => shape),
) as (typeof TASK_OPTIONS)['vqa']['shape'];

/** One flag per field, in kebab-case; no yargs defaults, so that a flag that was not given does not hide a config file's. */
export function flagsOf(shape: Readonly<Record<string, Schema>>, group: string): Record<string, Options> {
  return Object.fromEntries(
    describedOptions(shape).map(({ name, flag, fallback, isRequired, meaning }) => {
      const kind = kindOf(unwrapped(shape[name] as Schema).type);
      const shown = fallback === undefined ? {} : { defaultDescription: fallback };
      const describe = isRequired ? `${meaning} [needed]` : meaning;
      return [flag, { ...kind, describe, ...shown, requiresArg: kind.type !== 'boolean', group }];
    }),
  );
}

/** What a reader is told of an option. */
export interface OptionDescription {
  name: string;
  flag: string;
  /** As JSON. */
  fallback?: string;
  isRequired: boolean;
  meaning: string;
}

/** The options of a schema as help and docs show them. */
export function describedOptions(shape: Readonly<Record<string, Schema>>): OptionDescription[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { fallback, isRequired } = unwrapped(schema);
    return {
      name,
      flag: kebab(name),
      ...(fallback === undefined ? {} : { fallback: JSON.stringify(fallback) }),
      isRequired,
      meaning: z.globalRegistry.get(schema)?.description ?? '',
    };
  });
}

/** The values among parsed flags that belong to the fields, by their camelCase names; flags that were not given are left out. */
export function givenValues(
  flags: Readonly<Record<string, unknown>>,
  shape: Readonly<Record<string, Schema>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(shape).flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
  );
}

/**
 * A check of all commands; yargs hands it what is known of the flags, whatever its types say.
 * @throws Error naming a flag with one value that was given several times
 */
export function requireOnce(flags: Readonly<Record<string, unknown>>, known: Readonly<Record<string, unknown>>): true {
  const lists = known['array'] as readonly string[];
  for (const [name, values] of Object.entries(flags)) {
    if (name === '_' || !Array.isArray(values) || lists.includes(kebab(name))) continue;
    throw new Error(`--${kebab(name)} was given ${values.length} times (${values.join(', ')}); give it once`);
  }
  return true;
}

/** The schema inside defaults and options. */
function unwrapped(schema: Schema): { type: Schema; fallback?: unknown; isRequired: boolean } {
  const { def } = schema._zod as { def: { type: string; innerType?: Schema; defaultValue?: unknown } };
  if (def.type === 'default') return { type: def.innerType as Schema, fallback: def.defaultValue, isRequired: false };
  if (def.type === 'optional') return { type: unwrapped(def.innerType as Schema).type, isRequired: false };
  return { type: schema, isRequired: true };
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
      return { type: 'string', coerce: (value: string) => (/^\d+$/.test(value) ? Number(value) : value) };
    }
    default:
      return { type: 'string' };
  }
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
