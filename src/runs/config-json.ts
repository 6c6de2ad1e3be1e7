// JSON files that a person wrote for a run, or that a run stored.
import { readText } from '#platform';
import { ConfigError, errorMessage, notJson } from '../errors.js';

/**
 * The value of a JSON file.
 * @param prepare applied to the text first, such as to remove comments
 * @throws ConfigError when the file cannot be read or is not JSON
 */
export async function readConfigJson(path: string, prepare = (text: string): string => text): Promise<unknown> {
  const read = await readText(path).catch((error: unknown) => {
    throw new ConfigError(errorMessage(error));
  });
  const text = prepare(read);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ConfigError(`${path}: ${notJson(error, text)}`);
  }
}
