// A line on a terminal that says what a command is doing until its result is there.

/** The line of a command; nothing without a terminal. */
export interface StatusLine {
  show(text: string): void;
  clear(): void;
}

/** Returns to the start of the line and clears it. */
const CLEAR = '\r\x1b[2K';

/** @param stream where to write */
export function createStatusLine(stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'> = process.stderr): StatusLine {
  let isShown = false;
  const write = (text: string): void => {
    if (!stream.isTTY || (text === '' && !isShown)) return;
    stream.write(CLEAR + text);
    isShown = text !== '';
  };
  return { show: write, clear: () => write('') };
}
