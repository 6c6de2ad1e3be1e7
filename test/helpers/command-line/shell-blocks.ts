// The commands in the shell blocks of the README and docs.
import { readdirSync, readFileSync } from 'node:fs';

/** The README and every page of docs. */
export const PAGES = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export interface ShellCommand {
  page: string;
  line: number;
  text: string;
}

/** The commands of every `sh` block, those over several lines joined, comments left out. */
export function shellCommands(): ShellCommand[] {
  return PAGES.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    // A block in a list is indented.
    return [...text.matchAll(/^ *```(?:sh|bash|shell|console)\b.*\n([\s\S]*?)^ *```/gm)].flatMap(
      ({ 1: code = '', index }) => {
        const first = text.slice(0, index).split('\n').length + 1;
        const commands: ShellCommand[] = [];
        let open: ShellCommand | null = null;
        code.split('\n').forEach((part, i) => {
          const command: ShellCommand = open ?? { page, line: first + i, text: '' };
          command.text += part.replace(/\\$/, ' ');
          open = part.endsWith('\\') ? command : null;
          if (open === null && !/^\s*(#|$)/.test(command.text)) commands.push(command);
        });
        return commands;
      },
    );
  });
}

/** Commands of `visualbert` among them, by the words after its name; `...` stands for flags that are left out. */
export function commandLines(): { page: string; line: number; words: string[] }[] {
  return shellCommands().flatMap(({ page, line, text }) => {
    const words = wordsOf(text);
    const at = words.indexOf('visualbert');
    return at < 0 ? [] : [{ page, line, words: words.slice(at + 1).filter((word) => word !== '...') }];
  });
}

/** The words of a command as a shell takes them: without a comment, what follows a pipe or `&`, and variables before it. */
export function wordsOf(text: string): string[] {
  const found = text.matchAll(/(?<=^|\s)(?:#.*$|[|;&>].*$|(?:"[^"]*"|'[^']*'|[^\s"'])+)/g);
  const words = [...found].map(([word]) => word);
  const end = words.findIndex((word) => /^[#|;&>]/.test(word));
  return words
    .slice(0, end < 0 ? undefined : end)
    .map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'))
    .filter((word, i) => i > 0 || !/^[A-Z_]+=/.test(word));
}
