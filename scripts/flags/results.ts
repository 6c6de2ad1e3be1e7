// Flags that commands with results share.
import { counted, type LeftOutImage } from '../../src/node.js';
import { flagsOf, givenValues } from './settings.js';
import { COMPUTING_OPTIONS, type ComputingOptions } from './internal.js';

export const JSON_FLAG = { json: { type: 'boolean', default: false, describe: 'print the result as JSON' } } as const;

/** The `output` of a command that writes its file at its end: an existing one is replaced when the new one is complete. */
export function outputFlag(what: string): { type: 'string'; describe: string } {
  return { type: 'string', describe: `${what}; replaces an existing one` };
}

/** The `output` of a command that takes hours. */
export const RESUMED_OUTPUT_FLAG = {
  output: {
    type: 'string',
    demandOption: true,
    describe: 'store to write (.vbf); an unfinished one is continued, a finished one is never replaced',
  },
} as const;

const { precision, allowFreshWeights } = COMPUTING_OPTIONS;

/** For commands that load a model for inference. */
export const FRESH_WEIGHTS_FLAG = flagsOf({ allowFreshWeights }, 'Run:');

/** For commands that predict. */
export function precisionFlag(group?: string): ReturnType<typeof flagsOf> {
  return flagsOf({ precision }, group);
}

/** For commands that read many examples. */
export const COMPUTING_FLAGS = flagsOf(COMPUTING_OPTIONS, 'Run:');

/** The options of the given flags. */
export function computingOptions(flags: ComputingOptions): ComputingOptions {
  return givenValues({ ...flags }, COMPUTING_OPTIONS);
}

/** Number of left-out images that are shown. */
const SHOWN_IMAGES = 20;

/** The reasons why images were left out, one a line: the first ones, and how many more `--json` lists. */
export function reasonLines(reasons: readonly string[]): string[] {
  const more = reasons.length - SHOWN_IMAGES;
  return [
    ...reasons.slice(0, SHOWN_IMAGES).map((reason) => `  ${reason}`),
    ...(more > 0 ? [`  and ${counted(more, 'image')} more (--json lists all)`] : []),
  ];
}

/** The images whose examples were left out, with the reasons. */
export function leftOutLines(images: readonly LeftOutImage[]): string[] {
  if (images.length === 0) return [];
  const examples = images.reduce((sum, { examples: count }) => sum + count, 0);
  return [
    `left out ${counted(examples, 'example')} of ${counted(images.length, 'image')} without usable regions:`,
    ...reasonLines(images.map(({ id, reason }) => `image ${id}: ${reason}`)),
  ];
}
