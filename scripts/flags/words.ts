// Translates option names in messages of the library (`outputDir`, `resume: true`) to flags.
import { BACKEND_OPTIONS, COMPUTING_OPTIONS, CONVERT_OPTIONS, EXPLAIN_OPTIONS, EXTRACT_OPTIONS } from './internal.js';
import { ALL_TASK_OPTIONS, kebab, RUN_OPTIONS, TRAINING_ARGUMENTS } from '../../src/node.js';

/** Options whose flags have other names. */
const RENAMED: Readonly<Record<string, string>> = { maxLength: 'max-text-length', topK: 'top', choices: 'choice', objects: 'object', phrases: 'phrase' }; // prettier-ignore

const { method, layer, head, pairs } = EXPLAIN_OPTIONS;
const { allowFreshWeights } = COMPUTING_OPTIONS;
const { architecture, allowIncomplete, maxShardSize } = CONVERT_OPTIONS;
const { interOpThreads, gpuMemoryGrowth } = BACKEND_OPTIONS;
const { column } = EXTRACT_OPTIONS;
/** Options of other functions that messages name. */
const OTHER_OPTIONS = { method, layer, head, pairs, allowFreshWeights, architecture, allowIncomplete, maxShardSize, interOpThreads, gpuMemoryGrowth, column }; // prettier-ignore

const NAMES = Object.keys({ ...ALL_TASK_OPTIONS, ...TRAINING_ARGUMENTS, ...RUN_OPTIONS, ...RENAMED, ...OTHER_OPTIONS });
const OPTION_NAMES = new Set(NAMES);

const anyOf = (names: readonly string[]): string => `(${names.join('|')})`;
/** `resume: true`, `captionPairs: false`, `answers: 'FILE'`, with or without braces. */
const SETTING = new RegExp(`(?<![\\w./"-])(?:\\{ )?${anyOf(NAMES)}: (?:(true|false)\\b|'([^']*)')(?: \\})?`, 'g');
/** A name in backticks, for names that are also common words: \`model\`. */
const QUOTED_NAME = new RegExp(`\`${anyOf(NAMES)}\``, 'g');
const CAMEL_NAME = new RegExp(
  `(?<![\\w./"-])${anyOf(NAMES.filter((name) => /[A-Z]/.test(name)))}(?!\\w|\\.\\w|")`,
  'g',
);
/** Prefixes that name a function or class of the library. */
const CALLER = /^(?:TrainingArguments|Trainer|createTrainingStep|decodeAnswers|convertCheckpoint|explain): /;

/** The flag of an option: `--learning-rate`. Null for any other name. */
export function flagOf(name: string): string | null {
  return OPTION_NAMES.has(name) ? `--${RENAMED[name] ?? kebab(name)}` : null;
}

/** Replaces option names by flags: `--output-dir` for outputDir, `--resume` for `resume: true`. */
export function inFlags(text: string): string {
  const flag = (name: string): string => flagOf(name) ?? name;
  return text
    .replace(CALLER, '')
    .replace(SETTING, (_, name: string, isOn: string | undefined, value: string | undefined) => {
      if (isOn === 'false') return flag(name).replace('--', '--no-');
      return value === undefined ? flag(name) : `${flag(name)} ${value}`;
    })
    .replace(QUOTED_NAME, (_, name: string) => flag(name))
    .replace(CAMEL_NAME, (name) => flag(name));
}
