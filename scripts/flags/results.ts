// Flags that commands with results share.
import { counted, type LeftOutImage } from '../../src/node.js';
import { flagsOf, givenValues } from './settings.js';
import { COMPUTING_OPTIONS, type ComputingOptions } from './internal.js';

export const JSON_FLAG = { json: { type: 'boolean', default: false, describe: 'print the result as JSON' } } as const;

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

/** Number of left-out images that are shown; `--json` lists all. */
export const SHOWN_IMAGES = 20;

/** The images whose examples were left out, with the reasons. */
export function leftOutLines(images: readonly LeftOutImage[]): string[] {
  if (images.length === 0) return [];
  const examples = images.reduce((sum, { examples: count }) => sum + count, 0);
  const more = images.length - SHOWN_IMAGES;
  return [
    `left out ${counted(examples, 'example')} of ${counted(images.length, 'image')} without usable regions:`,
    ...images.slice(0, SHOWN_IMAGES).map(({ id, reason }) => `  image ${id}: ${reason}`),
    ...(more > 0 ? [`  and ${counted(more, 'image')} more (--json lists all)`] : []),
  ];
}
