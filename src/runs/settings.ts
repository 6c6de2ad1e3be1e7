// The settings of a run: checked, stored as run.json in its folder, and read by resume, evaluate and predict.
import { dirname, join } from 'node:path';
import { exists, isFolder, listFolder, readText } from '#platform';
import { z } from 'zod';
import { ConfigError, errorMessage } from '../errors.js';
import { expected, OptionsError, parseOptions, requireKinds, requireOptions, requirePath, text } from '../options.js';
import { type ResolvedTrainingArguments, TRAINING_ARGUMENTS } from '../training/arguments.js';
import { optionRole, TASK_NAMES, TASK_OPTIONS, type TaskOptionName } from '../tasks/shared/options.js';

/** A run's settings by their part. */
export interface RunSettings {
  task: TaskOptionName;
  model: string | null;
  modelConfig?: string | Record<string, unknown> | undefined;
  /** Options of the task. */
  data: Record<string, unknown>;
  /** TrainingArguments. */
  arguments: Record<string, unknown>;
}

const RUN_FILE = 'run.json';

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

/**
 * Sorts the settings of one object (a config file, flags) into those of the model, the task and the trainer.
 * @throws ConfigError for an unknown key or task
 */
export function sortSettings(given: Record<string, unknown>): RunSettings {
  requireOptions('settings', given);
  const { task, ...rest } = given;
  if (!isTask(task)) throw new ConfigError(`task: expected one of ${TASK_NAMES.join(', ')}, received ${String(task)}`);
  const homes = { run: RUN_OPTIONS, data: TASK_OPTIONS[task].shape, arguments: TRAINING_ARGUMENTS };
  const pick = (home: keyof typeof homes): Record<string, unknown> =>
    Object.fromEntries(Object.entries(rest).filter(([name]) => name in homes[home]));
  const known = ['task', ...Object.values(homes).flatMap((shape) => Object.keys(shape))];
  const unknown = Object.keys(rest).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    const problem = `unknown setting ${unknown.join(', ')} for task ${task}; known: ${known.join(', ')}`;
    throw new OptionsError('settings', [{ name: null, problem }], known);
  }
  return { task, ...parseOptions('settings', runSchema, pick('run')), data: pick('data'), arguments: pick('arguments') };
}

/** Reads a JSON file of settings; lines that begin with // are comments. @throws ConfigError when it is not JSON */
export async function readSettings(path: string): Promise<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse((await readText(path)).replace(/^\s*\/\/.*$/gm, ''));
    if (isTable(parsed)) return parsed;
    throw new ConfigError('received another value');
  } catch (error) {
    throw new ConfigError(`${path}: expected a JSON object of settings (${errorMessage(error)})`);
  }
}

/** The settings of a run folder. @throws ConfigError when the folder holds no run */
export async function readRun(dir: string): Promise<RunSettings & { arguments: ResolvedTrainingArguments }> {
  requirePath('readRun', dir);
  const path = join(dir, RUN_FILE);
  if (!(await exists(path))) throw await noRun(dir);
  const run = await readSettings(path);
  if (!isTask(run['task']) || !isTable(run['data']) || !isTable(run['arguments']))
    throw new ConfigError(
      `${path}: expected task, data and arguments of a run, received ${Object.keys(run).join(', ')}`,
    );
  return run as unknown as RunSettings & { arguments: ResolvedTrainingArguments };
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

/** Whether a run has validation examples. */
export function hasValidation(data: Record<string, unknown>): boolean {
  requireKinds('hasValidation', { 'an object': { data } });
  return Object.keys(data).some((name) => {
    const { validates } = optionRole(name);
    return validates !== undefined && optionRole(validates).namesExamples === true;
  });
}

/** The options that open a run's validation examples: `validationQuestions` becomes `questions`, and so on. */
export function validationOptions(data: Record<string, unknown>): Record<string, unknown> {
  requireKinds('validationOptions', { 'an object': { data } });
  const options: Record<string, unknown> = {};
  const replaced: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    const { validates } = optionRole(name);
    if (validates !== undefined) replaced[validates] = value;
    else if (name !== 'vocabulary' && name !== 'answers') options[name] = value; // the run folder has its own
  }
  return { ...options, ...replaced };
}

/** The options of a run that apply to predictions of other examples: their form, and the location of features. */
export function predictionOptions(data: Record<string, unknown>): Record<string, unknown> {
  requireKinds('predictionOptions', { 'an object': { data } });
  return Object.fromEntries(
    Object.entries(validationOptions(data)).filter(([name]) => optionRole(name).namesExamples !== true),
  );
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTask(name: unknown): name is TaskOptionName {
  return (TASK_NAMES as readonly unknown[]).includes(name);
}
