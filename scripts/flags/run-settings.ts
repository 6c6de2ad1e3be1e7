// The settings of a training run: those of a run to resume, of a config file, and of flags.
import {
  OptionsError,
  readRun,
  readSettings,
  RUN_OPTIONS,
  type RunSettings,
  sortSettings,
  TASK_OPTIONS,
  type TaskName,
  TRAINING_ARGUMENTS,
} from '../../src/node.js';
import { argumentsToResume } from '../../src/runs/settings.js';
import { requireStoredPaths } from '../../src/runs/stored-paths.js';
import { givenValues } from './settings.js';

/** The settings of the run to resume, overridden by the config file, then by flags. */
export async function settingsOf(
  task: TaskName,
  flags: Readonly<Record<string, unknown>> & { config?: string },
): Promise<RunSettings> {
  const taskFlags = givenValues(flags, TASK_OPTIONS[task].shape);
  const trainingFlags = givenValues(flags, TRAINING_ARGUMENTS);
  const file = flags.config === undefined ? {} : await configFile(flags.config, task);
  const ownFlags = givenValues(flags, RUN_OPTIONS);
  const given: Record<string, unknown> = { task, ...file, ...ownFlags, ...taskFlags, ...trainingFlags };
  if (given['resume'] !== true || typeof given['outputDir'] !== 'string') return sortSettings(given);
  const run = await readRun(given['outputDir']);
  if (run.task !== task)
    throw new Error(
      `${given['outputDir']}: expected a run of the task ${task}, found one of ${run.task}; resume it with visualbert train ${run.task}.`,
    );
  const replaced = new Set(Object.keys(given));
  await requireStoredPaths(
    given['outputDir'],
    Object.fromEntries(Object.entries(run.data).filter(([name]) => !replaced.has(name))),
  );
  return sortSettings({
    model: run.model,
    ...(run.modelConfig === undefined ? {} : { modelConfig: run.modelConfig }),
    ...run.data,
    ...argumentsToResume(run.arguments),
    ...given,
  });
}

/** The settings of a config file. @throws Error naming the file when they are of another task, or not settings of this one */
async function configFile(path: string, task: TaskName): Promise<Record<string, unknown>> {
  const settings = await readSettings(path);
  const { task: named = task } = settings;
  if (named !== task) throw new Error(`${path}: its settings are for train ${String(named)}, not for train ${task}.`);
  try {
    sortSettings({ ...settings, task });
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    const inFile = error.problems.map(({ name, problem }) => ({
      name,
      problem: name === null ? `${path}: ${problem}` : problem,
    }));
    throw new OptionsError('settings', inFile, error.known);
  }
  return settings;
}
