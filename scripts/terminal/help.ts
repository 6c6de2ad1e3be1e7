// Wraps help texts to the width of the terminal: in two columns if they fit, else each description below its flag. Words are never split.

const [LEAST_WIDTH, MOST_WIDTH, PIPE_WIDTH] = [40, 100, 80];
/** Minimum width of the column of descriptions; with less they go below their flags. */
const LEAST_TEXT = 30;
/** Indentation of a description below its flag. */
const BELOW = 4;
/** The default that yargs gives every list of arguments, even one that must be given. */
const EMPTY_DEFAULT = ' [default: []]';
/** The end of a line that goes on. */
const CONTINUED = ' \\';

/**
 * The width of help texts: the variable COLUMNS, else the width of the terminal, else 80.
 * @param terminal columns of the terminal; undefined if the output is not a terminal
 */
export function helpWidth(asked: string | undefined, terminal: number | undefined): number {
  const wanted = Number(asked) || terminal || PIPE_WIDTH;
  return Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, Math.floor(wanted)));
}

/** The width of a result: the variable COLUMNS, else the width of the terminal; in a pipe lines stay whole. */
export function pageWidth(): number {
  return Number(process.env.COLUMNS) || process.stdout.columns || Infinity;
}

/** Wraps a help text of yargs, whose rows have two or more spaces between flag, description and type. */
export function foldHelp(help: string, width: number): string {
  const blocks = help
    .replaceAll(EMPTY_DEFAULT, '')
    .split('\n\n')
    .map((block) => {
      const rows = block.split('\n').map(rowOf);
      return foldBlock(rows, width, rows[0]?.first === 'Examples:' ? foldCommand : fold);
    });
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

interface Row {
  indent: number;
  /** A flag, a command or a sentence. */
  first: string;
  /** Its description; empty for a sentence. */
  text: string;
}

function rowOf(line: string): Row {
  const [first = '', ...others] = line.trim().split(/ {2,}/);
  return { indent: line.length - line.trimStart().length, first, text: others.join(' ') };
}

/** @param foldFirst makes lines of a flag, a command or a sentence */
function foldBlock(rows: readonly Row[], width: number, foldFirst: typeof fold): string[] {
  const starts = rows.filter(({ text }) => text !== '').map(({ indent, first }) => indent + first.length + 2);
  const fitting = starts.filter((start) => start <= width / 2);
  const column = Math.max(0, ...fitting);
  const isWide = fitting.length > starts.length / 2 && width - column >= LEAST_TEXT;
  return rows.flatMap(({ indent, first, text }) => {
    const head = foldFirst(first, width, indent, indent === 0 ? 0 : indent + 2);
    if (text === '') return head;
    const start = isWide ? column : indent + BELOW;
    const [beside = '', ...below] = fold(text, width, start, start);
    return isWide && indent + first.length + 2 <= column
      ? [head.join('').padEnd(column) + beside.trimStart(), ...below]
      : [...head, beside, ...below];
  });
}

/** A command line in several, which a shell takes as one: no quoted text is parted. */
function foldCommand(command: string, width: number, indent: number, hanging: number): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  const isShort = indent + command.length <= width;
  const lines = foldWords(words, isShort ? width : width - CONTINUED.length, indent, hanging);
  return lines.map((line, i) => (i < lines.length - 1 ? line + CONTINUED : line));
}

/** Lines of whole words. @param hanging indent of all lines but the first */
export function fold(text: string, width: number, indent: number, hanging: number): string[] {
  return foldWords(text.split(' '), width, indent, hanging);
}

function foldWords(words: readonly string[], width: number, indent: number, hanging: number): string[] {
  const [first = '', ...others] = words;
  const lines = [' '.repeat(indent) + first];
  for (const word of others) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(' '.repeat(hanging) + word);
  }
  return lines;
}
