// The flags that say which examples a command reads: those of its task, or of a run whose task is read first.
import type { Argv, CommandModule, Options } from 'yargs';
import {
  ALL_TASK_OPTIONS,
  hasValidation,
  readRun,
  optionRole,
  TASK_DESCRIPTIONS,
  TASK_NAMES,
  TASK_OPTIONS,
  validationOptions,
} from '../../src/node.js';
import { flagsOf, givenValues, type Shape } from './settings.js';

export type TaskName = (typeof TASK_NAMES)[number];

/** The flags of commands over the examples of a run, or of a task and a model. */
export interface ExampleArguments {
  task?: TaskName | undefined;
  run?: string;
  model?: string;
}

/** Options of the examples themselves; there are no validation examples beside them. */
const EXAMPLE_OPTIONS: Shape = withoutValidation(ALL_TASK_OPTIONS);

/** The flags of one task's examples; without a task those of every task, each group with the tasks that have it. */
export function exampleFlags(task: TaskName | undefined): Record<string, Options> {
  if (task !== undefined) return flagsOf(withoutValidation(TASK_OPTIONS[task].shape), 'Data:');
  const groups = Object.keys(EXAMPLE_OPTIONS).map((name) => {
    const shapes = TASK_NAMES.map((one): Shape => TASK_OPTIONS[one].shape);
    const tasks = TASK_NAMES.filter((_, i) => name in (shapes[i] as Shape));
    const group = tasks.length === TASK_NAMES.length ? 'Data:' : `Data of ${tasks.join(', ')}:`;
    const flags = flagsOf({ [name]: EXAMPLE_OPTIONS[name] as Shape[string] }, group);
    const text = BY_TASK[name];
    const withText = (one: Options): Options => (text === undefined ? one : { ...one, describe: text });
    return Object.entries(flags).map(([flag, one]) => [flag, withText(one)] as const);
  });
  const flags = groups.flat();
  const isCommon = ([, { group }]: (typeof flags)[number]): boolean => group === 'Data:';
  return Object.fromEntries([...flags.filter(isCommon), ...flags.filter((one) => !isCommon(one))]);
}

/** What an option is that each task describes in its own words. */
const BY_TASK: Readonly<Record<string, string>> = {
  data: 'the examples, in the files of the task; its --help says which',
  features: 'region features: a file or folder in any format of docs/data.md; several are joined',
  questions: 'the questions (VQA 2.0, easy-VQA)',
  captions: 'the captions (COCO)',
  entities: 'folder of Flickr30k Entities',
  split: 'list of image ids',
  answers: 'list of answers (.txt, .json); default: of the model',
};

/** The values that flags name, by their camelCase names. */
export function givenExamples(flags: object): Record<string, unknown> {
  return givenValues({ ...flags }, EXAMPLE_OPTIONS);
}

/** What a command by task takes: its flags, and the examples of its help with the task that each is for; general ones have none. */
export interface TaskCommandHelp {
  options: Record<string, Options>;
  examples: readonly (readonly [command: string, description: string, task: TaskName | null])[];
}

/** A command with a subcommand for each task, whose help has the options of that task alone. Without a task it is for runs. */
export function commandByTask<F extends ExampleArguments>(
  name: string,
  describe: string,
  helpOf: (task: TaskName | undefined) => TaskCommandHelp,
  handle: (flags: F) => Promise<void>,
): CommandModule {
  const build = (yargs: Argv, task: TaskName | undefined): Argv => {
    const { options, examples } = helpOf(task);
    const shown = examples.filter(([, , of]) => of === null || task === undefined || of === task);
    // Not global: the subcommand of a task has the flags of its task alone.
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
    handler: (flags) => handle({ ...flags, task } as unknown as F), // what yargs parses by the options is an F
  });
  return {
    command: name,
    describe,
    builder: (yargs) => TASK_NAMES.reduce((all, task) => all.command(ofTask(task)), build(yargs, undefined)),
    handler: (flags) => handle(flags as unknown as F),
  };
}

/** The run's task and validation data, or the model's, with what flags name. */
export async function chosenExamples(
  flags: ExampleArguments,
): Promise<{ task: string; model: string; data: Record<string, unknown> }> {
  const { run, model, task } = flags;
  const given = givenExamples(flags);
  if (run !== undefined) {
    const settings = await readRun(run);
    if (!hasValidation(settings.data) && !Object.keys(given).some((name) => optionRole(name).namesExamples === true))
      console.error('the run has no validation examples: these are the metrics of those that it was trained on');
    return { task: task ?? settings.task, model: run, data: { ...validationOptions(settings.data), ...given } };
  }
  if (model === undefined || task === undefined)
    throw new Error('Give a run (--run FOLDER), or a task and a model (evaluate vqa --model ID).');
  return { task, model, data: given };
}

function withoutValidation(shape: Shape): Shape {
  return Object.fromEntries(Object.entries(shape).filter(([name]) => optionRole(name).validates === undefined));
}
