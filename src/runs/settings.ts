// What a run was started with: checked, stored as run.json in its folder, and read back by resume, evaluate and predict.
import { join } from 'node:path';
import { readText } from '#platform';
import { ConfigError, errorMessage } from '../errors.js';
import { type ResolvedTrainingArguments, TRAINING_ARGUMENTS } from '../training/arguments.js';
import { optionRole, TASK_NAMES, TASK_OPTIONS, type TaskOptionName } from '../tasks/shared/options.js';

/** A run's settings, each where it belongs. */
export interface RunSettings {
  task: TaskOptionName;
  model: string | null;
  modelConfig?: string | Record<string, unknown> | undefined;
  /** Options of the task. */
  data: Record<string, unknown>;
  /** TrainingArguments. */
  arguments: Record<string, unknown>;
}

const OWN_KEYS = new Set(['task', 'model', 'modelConfig']);

/**
 * Sorts settings given under one roof (a config file, flags) into those of the model, the task and the trainer.
 * @throws ConfigError for an unknown key or task
 */
export function sortSettings(given: Record<string, unknown>): RunSettings {
  const { task, model = null, modelConfig } = given;
  if (!isTask(task)) throw new ConfigError(`task: expected one of ${TASK_NAMES.join(', ')}, received ${String(task)}`);
  const taskKeys = TASK_OPTIONS[task].shape;
  if (model !== null && (typeof model !== 'string' || model === ''))
    throw new ConfigError(`model: expected a folder or hub id, received ${JSON.stringify(model)}`);
  const sorted: RunSettings = { task, model, data: {}, arguments: {} };
  if (modelConfig !== undefined) {
    if (typeof modelConfig !== 'string' && !isTable(modelConfig))
      throw new ConfigError(
        `modelConfig: expected fields of VisualBertConfig or a JSON file of them, received ${JSON.stringify(modelConfig)}`,
      );
    sorted.modelConfig = modelConfig;
  }
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (OWN_KEYS.has(key)) continue;
    if (key in taskKeys) sorted.data[key] = value;
    else if (key in TRAINING_ARGUMENTS) sorted.arguments[key] = value;
    else unknown.push(key);
  }
  if (unknown.length > 0) {
    const known = [...OWN_KEYS, ...Object.keys(taskKeys), ...Object.keys(TRAINING_ARGUMENTS)];
    throw new ConfigError(`unknown setting ${unknown.join(', ')} for task ${task}; known: ${known.join(', ')}`);
  }
  return sorted;
}

/** Reads a JSON file of settings; lines that begin with // are comments. @throws ConfigError when it is none */
export async function readSettings(path: string): Promise<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse((await readText(path)).replace(/^\s*\/\/.*$/gm, ''));
    if (isTable(parsed)) return parsed;
    throw new ConfigError('it holds no object');
  } catch (error) {
    throw new ConfigError(`${path}: expected a JSON object of settings (${errorMessage(error)})`);
  }
}

/** The settings of a run folder. @throws ConfigError when the folder holds no run */
export async function readRun(dir: string): Promise<RunSettings & { arguments: ResolvedTrainingArguments }> {
  const path = join(dir, 'run.json');
  const run = await readSettings(path).catch((error: unknown) => {
    throw new ConfigError(`${dir}: it holds no run of visualbert train (${errorMessage(error)})`);
  });
  if (!isTask(run['task']) || !isTable(run['data']) || !isTable(run['arguments']))
    throw new ConfigError(
      `${path}: expected task, data and arguments of a run, received ${Object.keys(run).join(', ')}`,
    );
  return run as unknown as RunSettings & { arguments: ResolvedTrainingArguments };
}

/** Whether a run has examples of its own to validate on. */
export function hasValidation(data: Record<string, unknown>): boolean {
  return Object.keys(data).some((name) => {
    const { validates } = optionRole(name);
    return validates !== undefined && optionRole(validates).namesExamples === true;
  });
}

/** The options that show a run's validation examples: `validationQuestions` becomes `questions`, and so on. */
export function validationOptions(data: Record<string, unknown>): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  const replaced: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    const { validates } = optionRole(name);
    if (validates !== undefined) replaced[validates] = value;
    else if (name !== 'vocabulary' && name !== 'answers') options[name] = value; // the run folder has its own
  }
  return { ...options, ...replaced };
}

/** The options of a run that other examples are predicted with: how they are made, and where features are looked for. */
export function predictionOptions(data: Record<string, unknown>): Record<string, unknown> {
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
