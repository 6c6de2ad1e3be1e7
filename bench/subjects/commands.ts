// The commands of a measured process (subject.ts): JSON lines in, one reply per command.
import { createInterface } from 'node:readline';

/** Handlers of the commands, by the name in `do`; each gets the rest of its line. */
export type Commands = Readonly<Record<string, (args: never) => Promise<object> | object>>;

/** Answers the commands on standard input, one after the other, until it ends. An error is a reply too. */
export async function answerCommands(commands: Commands): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...args } = JSON.parse(line) as { do: string };
    let reply: object;
    try {
      reply = (await commands[name]?.(args as never)) ?? { error: `unknown command ${name}` };
    } catch (error) {
      reply = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.stdout.write(`${JSON.stringify(reply)}\n`);
  }
}

/** Highest resident memory of this process so far, in bytes. */
export function memory(): object {
  return { peakBytes: process.resourceUsage().maxRSS * 1024 };
}
