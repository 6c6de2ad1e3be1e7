// The tasks that a checkpoint can do, by the class that its config.json names.
import { VisualBertConfig } from '../config/config.js';
import { namedClass } from '../config/config-json.js';
import { ConfigError } from '../errors.js';
import type { PipelineName } from './contract.js';
import { PIPELINE_NAMES, tasksOfClass } from './tasks.js';

/** The tasks of a checkpoint that give answers, the usual one first. @throws ConfigError for a checkpoint without such a task */
export async function tasksOfCheckpoint(where: string): Promise<[PipelineName, ...PipelineName[]]> {
  return tasksOfConfig(where, await VisualBertConfig.fromPretrained(where));
}

/** The same for a loaded configuration. @param where names the checkpoint in errors */
export function tasksOfConfig(where: string, { extra }: VisualBertConfig): [PipelineName, ...PipelineName[]] {
  const name = namedClass(extra);
  const [first, ...others] = tasksOfClass(name ?? '').filter((task) => task !== 'feature-extraction');
  if (first !== undefined) return [first, ...others];
  throw new ConfigError(
    `${where}: its config.json names no class that gives answers (architectures: ${name ?? 'none'}); tasks are ${PIPELINE_NAMES.join(', ')}`,
  );
}
