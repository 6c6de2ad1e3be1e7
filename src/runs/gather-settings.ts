// Joins the settings of a run from where they are given: the run that it resumes, a config file, flags.
import { ConfigError } from '../errors.js';
import { defined, requireOptions } from '../options.js';
import { requireTask, type TaskName } from '../tasks/shared/options.js';
import { argumentRole } from '../training/arguments.js';
import {
  readRun,
  readSettings,
  type RunSettings,
  runSettings,
  settingsByPart,
  type SettingsByPart,
} from './settings.js';
import { requireStoredPaths } from './stored-paths.js';

/**
 * The settings of a training run: what is given, else what a config file has, else, with `resume`, what the run in `outputDir` was started with.
 * @param given options of the task, training arguments, `model` and `modelConfig`, by name
 * @param configFile JSON file of such settings; its `task`, if any, must be the same
 * @throws ConfigError for unknown settings, a file or a run of another task, and files of the run that are not there
 * @example
 * const settings = await gatherSettings('nlvr', { data: 'train.json', outputDir: 'runs/nlvr', learningRate: 1e-5 });
 * settings.arguments; // { outputDir: 'runs/nlvr', learningRate: 0.00001 }
 */
export async function gatherSettings(
  task: TaskName,
  given: Record<string, unknown>,
  configFile?: string,
): Promise<RunSettings> {
  requireTask(task);
  requireOptions('gatherSettings', given);
  const own = settingsByPart(task, given);
  const started = configFile === undefined ? own : joined(await fileSettings(configFile, task), own);
  const { outputDir, resume } = started.arguments;
  if (resume !== true || typeof outputDir !== 'string') return runSettings(task, started);
  return runSettings(task, joined(await resumedSettings(outputDir, task, started.data), started));
}

/** Two sources of settings, of which the second overrides the first. */
function joined(first: SettingsByPart, second: SettingsByPart): SettingsByPart {
  return {
    run: { ...first.run, ...second.run },
    data: { ...first.data, ...second.data },
    arguments: { ...first.arguments, ...second.arguments },
  };
}

async function fileSettings(path: string, task: TaskName): Promise<SettingsByPart> {
  const { task: named = task, ...settings } = await readSettings(path);
  if (named !== task)
    throw new ConfigError(`${path}: its settings are for train ${String(named)}, not for train ${task}.`);
  return settingsByPart(task, settings, path);
}

/** The settings of a run that apply to its next start too. @param replaced options of the task that are given, whose files are not read */
async function resumedSettings(dir: string, task: TaskName, replaced: object): Promise<SettingsByPart> {
  const { task: stored, model, modelConfig, data, arguments: startedWith } = await readRun(dir);
  if (stored !== task)
    throw new ConfigError(
      `${dir}: expected a run of the task ${task}, found one of ${stored}; resume it with visualbert train ${stored}.`,
    );
  await requireStoredPaths(dir, Object.fromEntries(Object.entries(data).filter(([name]) => !(name in replaced))));
  const lasting = Object.entries(startedWith).filter(([name]) => argumentRole(name).isOfOneStart !== true);
  return { run: { model, ...defined({ modelConfig }) }, data, arguments: Object.fromEntries(lasting) };
}
