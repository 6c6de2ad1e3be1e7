// Help texts as wide as the terminal: in two columns where there is space for them, else each flag above what it means. No word is ever cut.

const [LEAST_WIDTH, MOST_WIDTH, PIPE_WIDTH] = [40, 100, 80];
/** Columns that a description needs beside the flags; with fewer it stands below its flag. */
const LEAST_TEXT = 30;
/** How far a description below its flag is indented. */
const BELOW = 4;

/**
 * Columns of help texts: what the variable COLUMNS asks for, else those of the terminal, else of none 80.
 * @param terminal columns of the terminal; undefined where the output is none
 */
export function helpWidth(asked: string | undefined, terminal: number | undefined): number {
  const wanted = Number(asked) || terminal || PIPE_WIDTH;
  return Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, Math.floor(wanted)));
}

/** Folds a help text that yargs has not wrapped, whose rows have two spaces or more between flag, meaning and type. */
export function foldHelp(help: string, width: number): string {
  const blocks = help.split('\n\n').map((block) => foldBlock(block.split('\n').map(rowOf), width));
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

interface Row {
  indent: number;
  /** A flag, a command or a sentence. */
  first: string;
  /** What it means; empty for a sentence. */
  text: string;
}

function rowOf(line: string): Row {
  const [first = '', ...others] = line.trim().split(/ {2,}/);
  return { indent: line.length - line.trimStart().length, first, text: others.join(' ') };
}

function foldBlock(rows: readonly Row[], width: number): string[] {
  const starts = rows.filter(({ text }) => text !== '').map(({ indent, first }) => indent + first.length + 2);
  const fitting = starts.filter((start) => start <= width / 2);
  const column = Math.max(0, ...fitting);
  const isWide = fitting.length > starts.length / 2 && width - column >= LEAST_TEXT;
  return rows.flatMap(({ indent, first, text }) => {
    const head = fold(first, width, indent, indent === 0 ? 0 : indent + 2);
    if (text === '') return head;
    const start = isWide ? column : indent + BELOW;
    const [beside = '', ...below] = fold(text, width, start, start);
    return isWide && indent + first.length + 2 <= column
      ? [head.join('').padEnd(column) + beside.trimStart(), ...below]
      : [...head, beside, ...below];
  });
}

/** Lines of whole words. @param hanging indent of all lines but the first */
function fold(text: string, width: number, indent: number, hanging: number): string[] {
  const [first = '', ...others] = text.split(' ');
  const lines = [' '.repeat(indent) + first];
  for (const word of others) {
    const longer = `${lines.at(-1)} ${word}`;
    if (longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(' '.repeat(hanging) + word);
  }
  return lines;
}
