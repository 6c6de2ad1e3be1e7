// Errors of the command line as one paragraph that names flags, exit codes.
import { styleText } from 'node:util';
import { type OptionProblem, OptionsError } from '../src/node.js';
import { flagOf, inFlags } from './flags/words.js';
import { printable, SYSTEM_PROBLEMS } from './flags/internal.js';

export const EXIT_CODES = `Exit codes: 0 done; 1 an error, or \`data check\`, \`features inspect\` and \`doctor\` found problems (warnings alone: 0); 130 and 143 stopped by Ctrl-C or SIGTERM (train saves first); 138 another worker of \`train\` was lost (start again with --resume). NO_COLOR=1 prints without colors, --debug the stack of an error.`;

const BUGS = 'https://github.com/visualbert-tfjs/visualbert-tfjs/issues';

/** Prints an error, with its stack when `--debug` is given. */
export function printError(error: unknown, isDebugging: boolean): void {
  console.error(styleText('red', errorText(error), { stream: process.stderr }));
  if (!isDebugging || !(error instanceof Error)) return;
  const [, ...calls] = (error.stack ?? '').split(/\n(?= +at )/); // the message stands above
  console.error(calls.join('\n'));
}

/** The message of an error as one paragraph, with the names of flags: `--output-dir` for outputDir. */
export function errorText(error: unknown): string {
  return printable(
    wordsOf(error)
      .trim()
      .replace(/\s*\n\s*/g, ' '),
  );
}

function wordsOf(error: unknown): string {
  if (error instanceof OptionsError) {
    const isMissing = error.problems.some(({ problem }) => problem.endsWith(', received none'));
    const remedy = isMissing ? ["give what is missing; the command's --help explains it"] : [];
    return [...error.problems.map(problemText), ...remedy].join('; ');
  }
  const message = error instanceof Error ? error.message : String(error);
  const { code = '' } = (error ?? {}) as NodeJS.ErrnoException;
  const place = placeOf(error);
  if (place !== undefined && code in SYSTEM_PROBLEMS) return `${place}: ${SYSTEM_PROBLEMS[code]}`;
  if (isFault(error))
    return `${message}. This is a bug in visualbert-tfjs: please report it with the output of --debug (${BUGS})`;
  return inFlags(message)
    .replace(SYSTEM_TEXT, (text, name: string) => SYSTEM_PROBLEMS[name] ?? text)
    .replace(FOR_CODE, '');
}

/** The path, or the address, of an error of the operating system. */
function placeOf(error: unknown): string | undefined {
  type SystemError = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string };
  const { path, address, port, hostname } = (error ?? {}) as SystemError;
  return path ?? (port === undefined ? hostname : `${address}:${port}`);
}

/** The text of an option's problem, with the name of its flag. Unknown options come from a config file, named before them, which uses the names of the code. */
function problemText({ name, problem }: OptionProblem): string {
  const [option = '', ...path] = name?.split('.') ?? [];
  if (name === null) return /(?:^|: )unknown /.test(problem) ? problem : inFlags(problem);
  return `${[flagOf(option) ?? option, ...path].join('.')}: ${inFlags(problem)}`;
}

/** A system error inside another message: `ENOENT: no such file or directory, stat 'a.json'`. */
const SYSTEM_TEXT = /\b(E[A-Z]{4,}): [a-z ]+(?:, \w+(?: '[^']*')?)?/g;
/** The first of two remedies, if it only applies to code: `pass { config }, or`. */
const FOR_CODE = /pass \{ \w+ \}, or /g;

/** Whether JavaScript itself threw the error, which the package's own errors never are. */
function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
