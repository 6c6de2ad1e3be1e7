// The settings of a run: checked, stored as run.json in its folder, and read by resume, evaluate and predict.
import { dirname, join } from 'node:path';
import { exists, isFolder, listFolder } from '#platform';
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { checkedValue } from '../checked-value.js';
import {
  defined,
  expected,
  isTable,
  oneOf,
  OptionsError,
  parseOptions,
  requireKinds,
  requireOptions,
  requirePath,
  shown,
  table,
  text,
} from '../options.js';
import { readConfigJson } from './config-json.js';
import { dataFromStart, fromStart } from './stored-paths.js';
import { resolveTrainingArguments, TRAINING_ARGUMENTS } from '../training/arguments.js';
import { RUN_FILE } from '../training/run-folder/run-folder.js';
import {
  optionRole,
  requireTask,
  resolveTaskOptions,
  TASK_NAMES,
  TASK_OPTIONS,
  type TaskName,
} from '../tasks/shared/options.js';

/** A run's settings by their part. */
export interface RunSettings {
  task: TaskName;
  model: string | null;
  modelConfig?: string | Record<string, unknown> | undefined;
  /** Options of the task. */
  data: Record<string, unknown>;
  /** TrainingArguments. */
  arguments: Record<string, unknown>;
}

/** The settings of a run that belong neither to its task nor to its training. */
export const RUN_OPTIONS = {
  model: text('a folder or hub id').nullable().default(null).describe('folder or hub id to start from'),
  modelConfig: z
    .union([z.string(), z.record(z.string(), z.unknown())], {
      error: expected('fields of VisualBertConfig or a JSON file of them'),
    })
    .optional()
    .describe('JSON file of a VisualBertConfig: fresh weights'),
};

const runSchema = z.strictObject(RUN_OPTIONS);

/** The settings in run.json. Runs of other versions may have further arguments, which `sortSettings` rejects when the run resumes. */
const storedSchema = z.object({
  task: oneOf(TASK_NAMES),
  ...RUN_OPTIONS,
  data: table('the options of a task'),
  arguments: z.looseObject(TRAINING_ARGUMENTS, { error: expected('the arguments of a run') }),
  startedIn: z.string().optional(), // runs of earlier versions have none
});

/** The settings of a run folder, with the arguments' defaults filled in. */
export type StoredRun = z.output<typeof storedSchema>;

/** Settings as they are given (in a config file, in flags, by a run), by the part of a run that they belong to. */
export type SettingsByPart = Record<'run' | 'data' | 'arguments', Record<string, unknown>>;

/**
 * Sorts the settings of one object (a config file, flags) into those of the model, the task and the trainer.
 * @throws ConfigError for an unknown key or task
 * @example
 * const settings = sortSettings({ task: 'nlvr', data: 'train.json', outputDir: 'runs/nlvr', epochs: 5 });
 * settings.data; // { data: 'train.json' }
 * settings.arguments; // { outputDir: 'runs/nlvr', epochs: 5 }
 */
export function sortSettings(given: Record<string, unknown>): RunSettings {
  requireOptions('settings', given);
  const { task, ...rest } = given;
  requireTask(task);
  return runSettings(task, settingsByPart(task, rest));
}

/** The settings of a run of a task. @throws OptionsError for a model or its configuration that cannot be used */
export function runSettings(task: TaskName, { run, ...others }: SettingsByPart): RunSettings {
  return { task, ...parseOptions('settings', runSchema, run), ...others };
}

/** @param file which holds the settings. @throws OptionsError naming it, and every setting that the task does not have */
export function settingsByPart(task: TaskName, given: Record<string, unknown>, file?: string): SettingsByPart {
  const parts = partsOf(task);
  const sorted: SettingsByPart = { run: {}, data: {}, arguments: {} };
  const unknown: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const part = parts.get(name);
    if (part === undefined) unknown.push(name);
    else sorted[part][name] = value;
  }
  if (unknown.length === 0) return sorted;
  const known = ['task', ...parts.keys()];
  const problem = `unknown setting ${unknown.join(', ')} for task ${task}; known: ${known.join(', ')}`;
  throw new OptionsError(
    'settings',
    [{ name: null, problem: file === undefined ? problem : `${file}: ${problem}` }],
    known,
  );
}

/** Where each setting of a run of a task belongs, by its name. */
function partsOf(task: TaskName): ReadonlyMap<string, keyof SettingsByPart> {
  const shapes: Record<keyof SettingsByPart, object> = {
    run: RUN_OPTIONS,
    data: TASK_OPTIONS[task].shape,
    arguments: TRAINING_ARGUMENTS,
  };
  const parts = Object.keys(shapes) as (keyof SettingsByPart)[];
  return new Map(parts.flatMap((part) => Object.keys(shapes[part]).map((name) => [name, part] as const)));
}

/**
 * Reads a JSON file of settings; lines that begin with // are comments.
 * @throws ConfigError when it is not JSON
 * @example
 * const { learningRate, epochs } = await readSettings('configs/vqa.json'); // 0.00002, 10
 */
export async function readSettings(path: string): Promise<Record<string, unknown>> {
  const parsed = await readConfigJson(path, (text) => text.replace(/^\s*\/\/.*$/gm, ''));
  if (isTable(parsed)) return parsed;
  throw new ConfigError(`${path}: expected a JSON object of settings, received ${shown(parsed)}`);
}

/** The arguments of a run. @throws OptionsError naming all that cannot be used, with the options of the task that cannot */
export function resolveArguments({
  task,
  data,
  arguments: given,
}: RunSettings): ReturnType<typeof resolveTrainingArguments> {
  try {
    return resolveTrainingArguments(given);
  } catch (error) {
    const other = error instanceof OptionsError ? problemsOf(() => resolveTaskOptions(task, data)) : null;
    if (!(error instanceof OptionsError) || other === null) throw error;
    throw new OptionsError('settings', [...error.problems, ...other.problems], [...error.known, ...other.known]);
  }
}

/** What is wrong with options; null when they can be used. */
function problemsOf(resolve: () => unknown): OptionsError | null {
  try {
    resolve();
    return null;
  } catch (error) {
    if (error instanceof OptionsError) return error;
    throw error;
  }
}

/**
 * The settings of a run folder.
 * @throws ConfigError when the folder holds no run, or its run.json has invalid settings
 * @example
 * const { task, model, data } = await readRun('runs/nlvr2'); // task: 'nlvr2'
 */
export async function readRun(dir: string): Promise<StoredRun> {
  requirePath('readRun', dir);
  const path = join(dir, RUN_FILE);
  if (!(await exists(path))) throw await noRun(dir);
  const { data, problems } = checkedValue(storedSchema, await readSettings(path), 'the file');
  if (problems === null) return foundFromHere(data);
  throw new ConfigError(`${path}: ${problems.join('; ')}`);
}

/** The settings with paths that lead to their files from here. */
async function foundFromHere(run: StoredRun): Promise<StoredRun> {
  const { model, modelConfig, data, startedIn } = run;
  const config = typeof modelConfig === 'string' ? await fromStart(modelConfig, startedIn) : modelConfig;
  return {
    ...run,
    model: await fromStart(model, startedIn),
    ...defined({ modelConfig: config }),
    data: await dataFromStart(data, startedIn),
  };
}

/** Maximum number of run folders to suggest. */
const NAMED_RUNS = 5;

/** The error for a folder without a run, with suggestions. */
async function noRun(dir: string): Promise<ConfigError> {
  const isThere = await isFolder(dir);
  const near = await runsIn(isThere ? dir : dirname(dir));
  const found = near.length === 0 ? '' : `; there is ${near.slice(0, NAMED_RUNS).join(', ')}`;
  const what = isThere ? `the folder holds no run (${RUN_FILE})` : 'no such folder';
  return new ConfigError(`${dir}: ${what}; expected one that \`visualbert train --output-dir FOLDER\` made${found}`);
}

/** The run folders in a folder. */
async function runsIn(dir: string): Promise<string[]> {
  const names = (await isFolder(dir)) ? await listFolder(dir) : [];
  const found = await Promise.all(names.map((name) => exists(join(dir, name, RUN_FILE))));
  return names.filter((_, i) => found[i]).map((name) => join(dir, name));
}

/**
 * Whether a run has validation examples.
 * @example
 * hasValidation({ data: 'train.json', validationData: 'dev.json' }); // true
 */
export function hasValidation(data: Record<string, unknown>): boolean {
  requireKinds('hasValidation', { 'an object': { data } });
  return Object.keys(data).some((name) => {
    const { validates } = optionRole(name);
    return validates !== undefined && optionRole(validates).namesExamples === true;
  });
}

/**
 * The options that open a run's validation examples: `validationQuestions` becomes `questions`, and so on.
 * @example
 * validationOptions({ data: 'train.json', validationData: 'dev.json', maxRegions: 36 }); // { data: 'dev.json', maxRegions: 36 }
 */
export function validationOptions(data: Record<string, unknown>): Record<string, unknown> {
  requireKinds('validationOptions', { 'an object': { data } });
  const options: Record<string, unknown> = {};
  const replaced: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    const { validates, isStoredInRun } = optionRole(name);
    if (validates !== undefined) replaced[validates] = value;
    else if (isStoredInRun !== true) options[name] = value;
  }
  return { ...options, ...replaced };
}

/**
 * The options of a run that apply to predictions of other examples: their form, and the location of features.
 * @example
 * predictionOptions({ data: 'train.json', features: 'train.vbf', maxRegions: 36 }); // { features: 'train.vbf', maxRegions: 36 }
 */
export function predictionOptions(data: Record<string, unknown>): Record<string, unknown> {
  requireKinds('predictionOptions', { 'an object': { data } });
  return Object.fromEntries(
    Object.entries(validationOptions(data)).filter(([name]) => optionRole(name).namesExamples !== true),
  );
}
