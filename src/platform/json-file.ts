// JSON files: objects next to the weights of a pretrained model, and JSON as transformers writes it.
import { readText } from '#platform';
import { CheckpointError, type DataError, notJson } from '../errors.js';
import type { PretrainedFiles } from './locate.js';

/**
 * A JSON object next to the weights; null where there is no such file.
 * @param Problem the error for a file that is something else: of the checkpoint, or of data next to it
 * @throws Problem
 */
export async function readJsonObject(
  { find }: Pick<PretrainedFiles, 'find'>,
  name: string,
  Problem: typeof CheckpointError | typeof DataError = CheckpointError,
): Promise<Record<string, unknown> | null> {
  const path = await find(name);
  if (path === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(await readText(path));
  } catch (error) {
    throw new Problem(`${path}: ${notJson(error)}`);
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new Problem(`${path}: expected a JSON object`);
}

/** The text of a JSON file, as transformers writes it. */
export function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
