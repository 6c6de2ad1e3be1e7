// What an option of a task means for runs, besides its check: the metadata of its schema.
import { z } from 'zod';
import { expected, text } from '../../options.js';

/** Metadata of an option besides its check and help text. */
export interface OptionRole {
  /** The option that it replaces when a run's validation examples are opened. */
  validates?: string;
  /** Whether its values are paths, or addresses. */
  isPath?: true;
  /** Whether it names examples, labels or words, so that it does not apply to other examples of a run. */
  namesExamples?: true;
  /** Whether it may vary between the starts of a run: locations and reading speed, which results do not depend on. */
  variesByStart?: true;
  /** Whether a run folder has its own copy of the file, which opens other examples of the run. */
  isStoredInRun?: true;
}

const isPath = { isPath: true } satisfies OptionRole;
/** One path. */
export const path = text('a path').meta(isPath);
/** One path or several, as a list. */
export const paths = z
  .union([path, z.array(path).min(1)], { error: expected('a path or several') })
  .transform((value) => (typeof value === 'string' ? [value] : value))
  .meta(isPath);

/** An option that names examples, labels or words. */
export function ofExamples<S extends z.ZodType>(schema: S, description: string, role: OptionRole = {}): S {
  return schema.meta({ description, namesExamples: true, ...role } satisfies OptionRole & { description: string });
}

/** An option that may vary between the starts of a run. */
export const VARIES = { variesByStart: true } satisfies OptionRole;

/** The counterpart of an option for validation examples. */
export function validating<S extends z.ZodType>(validates: string, schema: S, description: string): z.ZodOptional<S> {
  return schema.optional().meta({ description, validates } satisfies OptionRole & { description: string });
}
