// The subcommands of `visualbert`: one file each in this folder, registered by name here.
import yargs, { type Argv, type FallbackCompletionFunction } from 'yargs';
import { setLogger, TASK_NAMES, WORKER_LOST, WorkerError } from '../src/node.js';
import { EXIT_CODES, type Known, printError, requireNumbers, requireOnce, usageText } from './command-line.js';
import { completions, type FlagKinds } from './completion.js';
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
import { inFlags } from './flags/words.js';
import { foldHelp, helpWidth } from './terminal/help.js';
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

/** The flags of the requested command as yargs has parsed their definitions; its types omit this method. */
const flagKinds = (parser: Argv): FlagKinds & { key: Readonly<Record<string, unknown>> } =>
  (parser as unknown as { getOptions(): FlagKinds & { key: Record<string, unknown> } }).getOptions();

/** The command whose arguments are wrong, with its flags and subcommands. */
function asked(args: readonly string[], parser: Argv): Known {
  const flag = args.findIndex((word) => word.startsWith('-'));
  const [first = '', second = ''] = flag < 0 ? args : args.slice(0, flag);
  const below = COMMANDS[first] ?? Object.keys(COMMANDS);
  const words = first in COMMANDS ? [first, ...(below.includes(second) ? [second] : [])] : [];
  return {
    command: ['visualbert', ...words].join(' '),
    flags: Object.keys(flagKinds(parser).key),
    commands: words.length === 2 ? [] : below,
  };
}

/** Completes the last word of a command line with those suggestions of yargs that fit. */
const completer =
  (args: readonly string[], parser: Argv): FallbackCompletionFunction =>
  (_word, _flags, find, done) =>
    find((error, found = []) => {
      if (error === null) done([...completions(args, flagKinds(parser), found)]);
    });

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
    .completion(
      'completion',
      'Print a script for shell completion: add it to ~/.bashrc or ~/.zshrc',
      completer(args, parser),
    )
    .option('debug', { type: 'boolean', default: false, describe: 'show the stack of an error' })
    .example('$0 ask photo.jpg "What is the man riding?"', 'answer a question about a picture')
    .example('$0 train vqa --help', 'the flags of one task')
    .example(
      '$0 predict --run runs/vqa --question "What is it?" --features features/ --image 42',
      'ask a trained model',
    )
    .epilogue(EXIT_CODES)
    .demandCommand(1, 'Name a command; `visualbert --help` lists them.')
    .strict()
    .check(requireOnce)
    .check((flags, known) => requireNumbers(flags, known, args))
    .wrap(null); // foldHelp does
}

/** Prints the output of yargs itself: help, the version, completions. Help texts start with the usage of the command. */
function printOutput(output: string): void {
  if (output === '') return; // a command has run
  const width = helpWidth(process.env.COLUMNS, process.stdout.columns);
  console.log(output.startsWith('visualbert ') ? foldHelp(output, width) : output);
}

/** Runs a command line. An error ends the process with exit code 1, the loss of another worker with WORKER_LOST. */
export async function runCommand(args: readonly string[]): Promise<void> {
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
    .catch(end); // what a command rejects with: where its output has a callback, yargs does not call `fail` for it
}
