// The subcommands of `visualbert`: one file each in this folder, registered by name here.
import yargs, { type Argv, type CommandModule, type FallbackCompletionFunction } from 'yargs';
import { setLogger, TASK_NAMES, WORKER_LOST, WorkerError } from '../src/node.js';
import { EXIT_CODES, printError } from './command-line.js';
import { completions, completionScript, type FlagKinds, SHELLS } from './completion.js';
import { command as ask } from './ask.js';
import { command as convert } from './convert.js';
import { command as data } from './data.js';
import { command as doctor } from './doctor.js';
import { command as engine } from './engine.js';
import { command as evaluate } from './evaluate.js';
import { command as explain } from './explain.js';
import { command as features } from './features.js';
import { command as ground } from './ground.js';
import { command as inspect } from './inspect.js';
import { command as merge } from './merge.js';
import { command as predict } from './predict.js';
import { command as score } from './score.js';
import { command as serve } from './serve.js';
import { requireArguments, requireNumbers, requireOnce, requireOneCheckpoint, requireValues } from './flags/checks.js';
import { inFlags } from './flags/words.js';
import { foldHelp, helpWidth } from './terminal/help.js';
import { type Known, usageText } from './terminal/usage.js';
import { command as train } from './train.js';

/** The commands with their subcommands. */
export const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  ask: [],
  convert: [],
  data: ['check', 'stats', 'convert'],
  doctor: [],
  engine: ['install', 'info', 'remove'],
  evaluate: TASK_NAMES,
  explain: TASK_NAMES,
  features: ['inspect', 'pack', 'convert', 'extract', 'draw', 'vcr'],
  ground: [],
  inspect: [],
  merge: [],
  predict: TASK_NAMES,
  score: ['vqa', 'nlvr2', 'vcr', 'flickr'],
  serve: [],
  train: TASK_NAMES,
};

/** What yargs knows of a command line; its types omit these methods. */
interface ParserState {
  /** The flags of the requested command. */
  getOptions(): FlagKinds & { key: Record<string, unknown>; alias: Record<string, readonly string[]> };
  /** The requested command and its subcommand: `features`, `pack <features..>`. */
  getInternalMethods(): { getContext(): { fullCommands: readonly string[] } };
}

const stateOf = (parser: Argv): ParserState => parser as unknown as ParserState;

/** Names of the arguments without flags of the requested command. */
function positionalsOf(parser: Argv): string[] {
  const { fullCommands } = stateOf(parser).getInternalMethods().getContext();
  return [...(fullCommands.at(-1) ?? '').matchAll(/[<[](\w+)(?:\.\.)?[>\]]/g)].map(([, name = '']) => name);
}

/** The command whose arguments are wrong, with its flags and subcommands. */
function asked(args: readonly string[], parser: Argv): Known {
  const flag = args.findIndex((word) => word.startsWith('-'));
  const [first = '', second = ''] = flag < 0 ? args : args.slice(0, flag);
  const below = COMMANDS[first] ?? Object.keys(COMMANDS);
  const isCommand = first in COMMANDS || first === 'completion';
  const words = isCommand ? [first, ...(below.includes(second) ? [second] : [])] : [];
  const { key, alias } = stateOf(parser).getOptions();
  return {
    command: ['visualbert', ...words].join(' '),
    args,
    flags: [...Object.keys(key), ...Object.values(alias).flat()],
    commands: words.length === 2 ? [] : below,
    positionals: positionalsOf(parser),
  };
}

/** Completes the last word of a command line with those suggestions of yargs that fit. */
const completer =
  (args: readonly string[], parser: Argv): FallbackCompletionFunction =>
  (_word, _flags, find, done) =>
    find((error, found = []) => {
      if (error === null) done([...completions(args, stateOf(parser).getOptions(), found)]);
    });

const COMPLETION: CommandModule<object, { shell?: (typeof SHELLS)[number] }> = {
  command: 'completion [shell]',
  describe: 'Print a script for shell completion: add it to ~/.bashrc or ~/.zshrc',
  builder: (yargs: Argv) =>
    yargs
      .positional('shell', { choices: SHELLS, describe: 'whose script', defaultDescription: 'the one of $SHELL' })
      .example('$0 completion >> ~/.bashrc', 'for bash')
      .example('$0 completion zsh >> ~/.zshrc', 'for zsh'),
  handler: ({ shell }) => console.log(completionScript(shell ?? (process.env.SHELL?.endsWith('zsh') ? 'zsh' : 'bash'))),
};

/** The parser of a command line, without the node and the script before it. */
export function createParser(args: readonly string[]): Argv {
  const parser = yargs([...args]);
  return parser
    .scriptName('visualbert')
    .usage('$0 <command>\n\nTrain, evaluate, serve, convert and inspect VisualBERT in TensorFlow.js.')
    .command(ask)
    .command(convert)
    .command(data)
    .command(doctor)
    .command(engine)
    .command(evaluate)
    .command(explain)
    .command(features)
    .command(ground)
    .command(inspect)
    .command(merge)
    .command(predict)
    .command(score)
    .command(serve)
    .command(train)
    .command(COMPLETION)
    .completion('completion-words', false, completer(args, parser)) // what the script calls
    .help('help', 'show this help')
    .describe('version', 'show the version')
    .option('debug', { type: 'boolean', default: false, describe: 'show the stack of an error' })
    .example('$0 ask photo.jpg "What is the man riding?"', 'answer a question about a picture')
    .example('$0 train vqa --help', 'the flags of one task')
    .example(
      '$0 predict --run runs/vqa --question "What is it?" --features features/ --image 42',
      'ask a trained model',
    )
    .epilogue(EXIT_CODES)
    .demandCommand(1, 'Name a command; `visualbert --help` lists them.')
    .middleware((flags) => requireNumbers(flags, { ...stateOf(parser).getOptions() }, args), true)
    .strict()
    .check(requireOnce)
    .check((flags, known) => requireValues(flags, known, args))
    .check((flags) => requireArguments(flags, positionalsOf(parser)))
    .check(requireOneCheckpoint)
    .wrap(null); // foldHelp does
}

/** Prints the output of yargs itself: help, the version, completions. Help texts start with the usage of the command. */
function printOutput(output: string): void {
  if (output === '') return; // a command has run
  const width = helpWidth(process.env.COLUMNS, process.stdout.columns);
  console.log(output.startsWith('visualbert ') ? foldHelp(output, width) : output);
}

/**
 * A command line without `--`, after which yargs fills in no arguments: those that begin with `-` are spelled as no flag begins, a path as
 * `./-photo.jpg`, the question of `ask` with a space.
 */
export function withoutDashes(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  if (end < 0) return words;
  const after = words.slice(end + 1);
  const isQuestion = (place: number): boolean => words[0] === 'ask' && place === after.length - 1;
  const spelled = after.map((word, i) => (word.startsWith('-') ? (isQuestion(i) ? ` ${word}` : `./${word}`) : word));
  return [...words.slice(0, end), ...spelled];
}

/** Runs a command line; `-h` is `--help`. An error ends the process with exit code 1, the loss of another worker with WORKER_LOST. */
export async function runCommand(given: readonly string[]): Promise<void> {
  const args = withoutDashes(given).map((word) => (word === '-h' ? '--help' : word)); // as an alias of yargs it would indent every flag of a help text
  setLogger({
    info: (text) => console.error(inFlags(text)),
    warn: (text) => console.error(`warning: ${inFlags(text)}`),
  });
  const parser = createParser(args);
  const end = (error: unknown): never => {
    printError(error, args.includes('--debug'));
    process.exit(error instanceof WorkerError ? WORKER_LOST : 1);
  };
  await parser
    .fail((message, error: Error | null | undefined) => {
      const isUsage = error === null || error === undefined || error.name === 'YError';
      end(isUsage ? new Error(usageText(error?.message ?? message, asked(args, parser))) : error);
    })
    .parseAsync(args, {}, (_error, _flags, output) => printOutput(output))
    .catch(end); // rejections of commands: yargs does not call `fail` for them when `parseAsync` has a callback
}
