// Parses command lines as `visualbert` does, without running the commands.
import { createParser } from '../../../scripts/commands.js';

/** Thrown where a command would begin. */
class Accepted extends Error {}

/** What the parser has against a command line; null where the command would run. */
export async function refusal(words: readonly string[]): Promise<string | null> {
  const parser = createParser(words)
    .check(() => {
      throw new Accepted(); // checks come right before the command
    })
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    });
  try {
    await parser.parseAsync();
    return 'nothing was asked for';
  } catch (error) {
    return error instanceof Accepted ? null : (error as Error).message;
  }
}

/** The help text of a command such as `evaluate vqa`, with a line for each flag; of all commands where it is empty. */
export async function helpOf(command: string): Promise<string> {
  let text = '';
  const words = [...command.split(' ').filter((word) => word !== ''), '--help'];
  await createParser(words)
    .exitProcess(false)
    .parseAsync(words, {}, (_error, _flags, output) => void (text = output));
  return text;
}
