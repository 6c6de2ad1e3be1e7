// JSON beside the weights of a pretrained model.
import { readText } from '#platform';
import { CheckpointError, errorMessage } from '../errors.js';
import type { PretrainedFiles } from '../platform/locate.js';

/** A JSON object beside the weights; null where there is no such file. @throws CheckpointError when it is something else. */
export async function readJsonObject(files: PretrainedFiles, name: string): Promise<Record<string, unknown> | null> {
  const path = await files.find(name);
  if (path === null) return null;
  let json: unknown;
  try {
    json = JSON.parse(await readText(path));
  } catch (error) {
    throw new CheckpointError(
      `${path}: is not JSON (${errorMessage(error).slice(0, 120)}); correct it or get it again`,
    );
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new CheckpointError(`${path}: expected a JSON object`);
}
