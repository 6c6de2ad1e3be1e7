// Errors of the command line: one paragraph that names flags, suggestions for unknown flags, exit codes.
import { styleText } from 'node:util';
import { closest, distance } from 'fastest-levenshtein';
import { kebab, type OptionProblem, OptionsError } from '../src/node.js';
import { flagOf, inFlags } from './flags/words.js';

export const EXIT_CODES = `Exit codes: 0 done; 1 an error, or \`data check\`, \`features inspect\` and \`doctor\` found problems (warnings alone: 0); 130 and 143 stopped by Ctrl-C or SIGTERM (train saves first); 138 another worker of \`train\` was lost (start again with --resume). NO_COLOR=1 prints without colors, --debug the stack of an error.`;

const BUGS = 'https://github.com/visualbert-tfjs/visualbert-tfjs/issues';

/** Prints an error, with its stack when `--debug` is given. */
export function printError(error: unknown, isDebugging: boolean): void {
  console.error(styleText('red', errorText(error), { stream: process.stderr }));
  if (isDebugging && error instanceof Error) console.error(error.stack);
}

/** The message of an error with the names of flags: `--output-dir` for outputDir. */
export function errorText(error: unknown): string {
  if (error instanceof OptionsError) {
    return error.problems.map(problemText).join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  const { code, path } = error as NodeJS.ErrnoException;
  if (typeof path === 'string' && code !== undefined && code in SYSTEM_ERRORS) return `${path}: ${SYSTEM_ERRORS[code]}`;
  if (isFault(error))
    return `${message}. This is a bug in visualbert-tfjs: please report it with the output of --debug (${BUGS})`;
  return inFlags(message)
    .replace(SYSTEM_TEXT, (text, name: string) => SYSTEM_ERRORS[name] ?? text)
    .replace(FOR_CODE, '');
}

/** The text of an option's problem, with the name of its flag. Unknown options come from a config file, which uses the names of the code. */
function problemText({ name, problem }: OptionProblem): string {
  const [option = '', ...path] = name?.split('.') ?? [];
  if (name === null) return problem.startsWith('unknown') ? problem : inFlags(problem);
  return `${[flagOf(option) ?? option, ...path].join('.')}: ${inFlags(problem)}`;
}

/** Messages for the system's error codes of a path. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'expected a file, found a folder',
  ENOTDIR: 'expected a folder, found a file',
  ENOSPC: 'the disk is full',
};

/** A system error inside another message: `ENOENT: no such file or directory, stat 'a.json'`. */
const SYSTEM_TEXT = /\b(E[A-Z]{4,}): [a-z ]+(?:, \w+(?: '[^']*')?)?/g;
/** The first of two remedies, if it only applies to code: `pass { config }, or`. */
const FOR_CODE = /pass \{ \w+ \}, or /g;

/** Whether JavaScript itself threw the error, which the package's own errors never are. */
function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** What a command line may contain, for messages about unknown words. */
export interface Known {
  /** The command as a user types it, whose `--help` the message refers to. */
  command: string;
  /** Names of its flags, without dashes. */
  flags: readonly string[];
  /** Names of its subcommands. */
  commands: readonly string[];
}

/** Rewrites the message of yargs about an invalid command line, as one line. */
export function usageText(message: string, { command, flags, commands }: Known): string {
  const found = (pattern: RegExp): string[] => pattern.exec(message)?.slice(1) ?? [];
  const [unknown] = found(/^Unknown arguments?: (.*)$/);
  const [missing] = found(/^Missing required arguments?: (.*)$/);
  const [valueless] = found(/^Not enough arguments following: (.*)$/);
  const [flag, given, choices] = found(/^Invalid values:\s+Argument: (.*?), Given: (.*?), Choices: (.*)$/);
  const [received, least] = found(/^Not enough non-option arguments: got (\d+), need at least (\d+)/);
  const lists = `\`${command} --help\` lists `;
  if (unknown !== undefined) {
    const names = [...new Set(unknown.split(', ').map(kebab))];
    if (names.every((name) => isWord(name)) && commands.length === 0)
      return `unexpected argument ${names.join(' ')}; ${lists}the arguments of \`${command}\``;
    if (names.every((name) => isWord(name)))
      return `unknown command ${names.join(' ')}${nearest(names[0] ?? '', commands, '')}; ${lists}the commands`;
    return `${names.map((name) => `unknown flag --${name}${nearest(name, flags, '--')}`).join('; ')}; ${lists}the flags`;
  }
  if (missing !== undefined) {
    const names = missing.split(', ').map((name) => `--${name}`);
    return `expected ${names.join(' and ')}; ${lists}the flags`;
  }
  if (valueless !== undefined) return `--${valueless}: expected a value, received none; ${lists}the flags`;
  if (flag !== undefined) return `--${flag}: expected one of ${choices}, received ${given}; ${lists}the flags`;
  if (received !== undefined)
    return `expected at least ${least} ${least === '1' ? 'argument' : 'arguments'} without a flag (a file, a folder or the like), received ${received}; \`${command} --help\` shows which`;
  return message;
}

/** Whether an unknown argument was given as a word, not as a flag. */
function isWord(name: string): boolean {
  return process.argv.slice(2).includes(name);
}

function nearest(name: string, known: readonly string[], dashes: string): string {
  const names = known.filter((one) => one.length > 1);
  const found = names.length === 0 ? '' : closest(name, names);
  const isNear = found !== '' && distance(name, found) <= Math.max(2, Math.floor(name.length / 3));
  return isNear ? `, did you mean ${dashes}${found}?` : '';
}

/**
 * A check of all commands. yargs passes the definitions of the flags as the second argument, which its types omit.
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

/**
 * A check of all commands, as `requireOnce`.
 * @throws Error naming a numeric flag whose value is not a number
 */
export function requireNumbers(
  flags: Readonly<Record<string, unknown>>,
  known: Readonly<Record<string, unknown>>,
  args: readonly string[],
): true {
  for (const name of known['number'] as readonly string[]) {
    if (!Number.isNaN(flags[name])) continue;
    const at = args.findIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
    const given = args[at]?.includes('=') === true ? args[at].split('=', 2)[1] : args[at + 1];
    throw new Error(`--${name}: expected a number, received ${JSON.stringify(given ?? '')}`);
  }
  return true;
}
