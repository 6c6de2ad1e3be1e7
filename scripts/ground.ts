// visualbert ground: finds the regions of an image that phrases of a sentence refer to. A second on a CPU, mostly for loading the model.
import type { Argv, CommandModule } from 'yargs';
import { type GroundedPhrase, type OneInput } from '../src/node.js';
import { BACKEND_FLAGS, type BackendArguments, useBackend } from './flags/backend.js';
import { refuseUnused } from './flags/checks.js';
import { checkpointFlags } from './flags/checkpoint.js';
import {
  featureFlags,
  ONE_INPUT_FLAGS,
  type OneInputArguments,
  openInput,
  percent,
  PICTURE_FLAGS,
} from './flags/one-input.js';
import { FRESH_WEIGHTS_FLAG, JSON_FLAG, precisionFlag } from './flags/results.js';
import { TOP_K } from './flags/internal.js';
import { flagsOf } from './flags/settings.js';

interface GroundArguments extends BackendArguments, OneInputArguments {
  top?: number;
  json: boolean;
}

const { question, image } = ONE_INPUT_FLAGS;
const TOP_REGIONS = TOP_K.unwrap().default(3).describe('number of regions per phrase');
const FEATURES = 'Features:';

const ground: CommandModule<object, GroundArguments> = {
  command: 'ground',
  describe: 'Find the regions of an image that phrases of a sentence refer to',
  builder: (yargs: Argv) =>
    yargs
      .options({
        ...checkpointFlags(),
        sentence: {
          ...question,
          alias: ['question', 'statement', 'text'],
          describe: 'the sentence',
          demandOption: true,
        },
        phrase: {
          type: 'string',
          array: true,
          demandOption: true,
          describe: 'phrase of the sentence; may be repeated',
        },
        image,
        ...PICTURE_FLAGS,
        ...flagsOf({ top: TOP_REGIONS }),
        ...FRESH_WEIGHTS_FLAG,
        ...JSON_FLAG,
        ...precisionFlag(),
        features: {
          type: 'string',
          array: true,
          describe: 'region features, in any format of docs/data.md; or --picture with --detector',
          group: FEATURES,
        },
        ...featureFlags(FEATURES),
        ...BACKEND_FLAGS,
      })
      .example(
        '$0 ground --run runs/flickr --sentence "A man in a red hat walks his dog ." --phrase "a red hat" --phrase "his dog" --features features/ --image 42',
        '',
      ) as unknown as Argv<GroundArguments>,
  handler: async (flags) => {
    if (flags.detector === undefined)
      refuseUnused(flags, ['picture'], 'region features; give --detector in place of --features, or leave it out');
    await useBackend(flags, 'infer');
    const opened = await openInput(flags, { hasPictures: true });
    try {
      const { pipeline, input } = opened as OneInput<'phrase-grounding'>; // other tasks refuse phrases
      const phrases = await pipeline(input, { topK: TOP_REGIONS.parse(flags.top) });
      if (flags.json) console.log(JSON.stringify({ sentence: flags.question, phrases }, null, 2));
      else console.log(phrases.map(linesOf).join('\n'));
    } finally {
      await opened.close();
    }
  },
};

export const command = ground as CommandModule;

function linesOf({ phrase, regions }: GroundedPhrase): string {
  const lines = regions.map(({ index, score, box }) => {
    const where = box === undefined ? '' : `  (${box.map((value) => Number(value.toFixed(1))).join(', ')})`;
    return `${percent(score)}  region ${index}${where}`;
  });
  return [phrase, ...lines].join('\n');
}
