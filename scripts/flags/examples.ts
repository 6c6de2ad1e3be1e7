// The flags for the examples that a command reads: those of a task, or of a run with its task.
import type { Argv, CommandModule, Options } from 'yargs';
import {
  ALL_TASK_OPTIONS,
  hasValidation,
  readRun,
  optionRole,
  TASK_DESCRIPTIONS,
  TASK_NAMES,
  TASK_OPTIONS,
  type TaskName,
  validationOptions,
} from '../../src/node.js';
import { refuseUnused } from './checks.js';
import { SHARED_OPTIONS } from './one-input.js';
import { flagsOf, givenValues, type Shape, withStoredDefaults } from './settings.js';
import { requireStoredPaths } from './internal.js';

/** The flags of commands over the examples of a run, or of a task and a model. */
export interface ExampleArguments {
  task?: TaskName | undefined;
  run?: string;
  model?: string;
}

/** Options of the examples, without those for validation examples. */
const EXAMPLE_OPTIONS: Shape = withoutValidation(ALL_TASK_OPTIONS);

/**
 * The flags of one task's examples; without a task those of all tasks, grouped by the tasks that have them.
 * @param markOf what the help says of an option that must be given
 */
export function exampleFlags(
  task: TaskName | undefined,
  markOf: (name: string) => string = () => '[required without --run]',
): Record<string, Options> {
  if (task !== undefined)
    return withTexts(dataFlags(withoutValidation(TASK_OPTIONS[task].shape), 'Data:', markOf), LOADING);
  const groups = Object.keys(EXAMPLE_OPTIONS).map((name) => {
    const shapes = TASK_NAMES.map((one): Shape => TASK_OPTIONS[one].shape);
    const tasks = TASK_NAMES.filter((_, i) => name in (shapes[i] as Shape));
    const group = tasks.length === TASK_NAMES.length ? 'Data:' : `Data of ${tasks.join(', ')}:`;
    const flags = dataFlags({ [name]: EXAMPLE_OPTIONS[name] as Shape[string] }, group, markOf);
    return Object.entries(withTexts(flags, { ...LOADING, ...BY_TASK }));
  });
  const flags = groups.flat();
  const isCommon = ([, { group }]: (typeof flags)[number]): boolean => group === 'Data:';
  return Object.fromEntries([...flags.filter(isCommon), ...flags.filter((one) => !isCommon(one))]);
}

function dataFlags(...given: Parameters<typeof flagsOf>): Record<string, Options> {
  return withStoredDefaults(flagsOf(...given));
}

/** Descriptions of options whose own descriptions are about training, which these commands do not do. */
const LOADING: Readonly<Record<string, string>> = {
  answers: "list of answers (.txt, .json); default: the model's",
  vocabulary: "vocab.txt; default: the model's",
};

/** Descriptions of options whose own descriptions differ between tasks. */
const BY_TASK: Readonly<Record<string, string>> = { data: 'files of the examples, see --help of the task' };

/** The flags with other descriptions. */
function withTexts(flags: Record<string, Options>, texts: Readonly<Record<string, string>>): Record<string, Options> {
  const entries = Object.entries(flags).map(([flag, option]): [string, Options] => {
    const text = texts[flag];
    return [flag, text === undefined ? option : { ...option, describe: text }];
  });
  return Object.fromEntries(entries);
}

/** The values of the given flags, by their camelCase names. */
export function givenExamples(flags: object): Record<string, unknown> {
  return givenValues({ ...flags }, EXAMPLE_OPTIONS);
}

/** @throws Error naming flags of data sets that were given beside one question @param remedy what to do */
export function refuseExamples(flags: object, remedy: string): void {
  const names = Object.keys(EXAMPLE_OPTIONS).filter((name) => !SHARED_OPTIONS.includes(name));
  refuseUnused(flags, names, `one question; ${remedy}`);
}

/** The flags of a command by task, and the examples of its help with the task of each; null for general examples. */
export interface TaskCommandHelp {
  options: Record<string, Options>;
  examples: readonly (readonly [command: string, description: string, task: TaskName | null])[];
}

/** A command with a subcommand per task, whose help has only the options of that task. Without a task it is for runs. */
export function commandByTask<F extends ExampleArguments>(
  name: string,
  describe: string,
  helpOf: (task: TaskName | undefined) => TaskCommandHelp,
  handle: (flags: F) => Promise<void>,
): CommandModule {
  const build = (yargs: Argv, task: TaskName | undefined): Argv => {
    const { options, examples } = helpOf(task);
    const shown = examples.filter(([, , of]) => of === null || task === undefined || of === task);
    // Not global: a task's subcommand has only the flags of its task.
    const own = Object.entries(options).map(([flag, option]) => [flag, { ...option, global: false }] as const);
    return shown.reduce(
      (all, [command, description]) => all.example(command, description),
      yargs.options(Object.fromEntries(own)),
    );
  };
  const ofTask = (task: TaskName): CommandModule => ({
    command: task,
    describe: TASK_DESCRIPTIONS[task],
    builder: (yargs) => build(yargs, task),
    handler: (flags) => handle({ ...flags, task } as unknown as F), // yargs parses the options into an F
  });
  return {
    command: name,
    describe,
    builder: (yargs) => TASK_NAMES.reduce((all, task) => all.command(ofTask(task)), build(yargs, undefined)),
    handler: (flags) => handle(flags as unknown as F),
  };
}

/** The task and validation data of a run, or of a model, overridden by flags. */
export async function chosenExamples(
  flags: ExampleArguments,
): Promise<{ task: string; model: string; data: Record<string, unknown> }> {
  const { run, model, task } = flags;
  const given = givenExamples(flags);
  if (run !== undefined) {
    const settings = await readRun(run);
    if (!hasValidation(settings.data) && !Object.keys(given).some((name) => optionRole(name).namesExamples === true))
      console.error('the run has no validation examples: evaluating on its training examples');
    return {
      task: task ?? settings.task,
      model: run,
      data: await withStored(run, settings, task, given, validationOptions),
    };
  }
  if (model === undefined || task === undefined)
    throw new Error('Give a run (--run FOLDER), or a task and a model (evaluate vqa --model ID).');
  return { task, model, data: given };
}

/**
 * The data of a run with what flags name, which replaces the run's.
 * @param of which of the run's options apply
 * @throws ConfigError for a run of a task whose data are others, and for files of the run that are not there
 */
export async function withStored(
  run: string,
  { task: own, data }: Awaited<ReturnType<typeof readRun>>,
  task: TaskName | undefined,
  given: Record<string, unknown>,
  of: (data: Record<string, unknown>) => Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const stored = Object.entries(of(data)).filter(([name]) => !(name in given));
  const foreign = task === undefined ? [] : stored.filter(([name]) => !(name in TASK_OPTIONS[task].shape));
  if (foreign.length > 0)
    throw new Error(
      `${run}: a run of the task ${own}, whose data are not those of ${task}; leave out ${task}, or give the model alone (--model ${run}) with the data of ${task}`,
    );
  await requireStoredPaths(run, Object.fromEntries(stored));
  return { ...Object.fromEntries(stored), ...given };
}

function withoutValidation(shape: Shape): Shape {
  return Object.fromEntries(Object.entries(shape).filter(([name]) => optionRole(name).validates === undefined));
}
