// The flags of commands about one image, or about a pair.
import {
  type AnyOneInput,
  openOneInput,
  openQuestion,
  type PredictionPrecision,
  predictionOptions,
  readRun,
} from '../../src/node.js';
import { sourceOf } from './checkpoint.js';
import { refuseUnused, typedName } from './checks.js';
import { flagsOf, withStoredDefaults } from './settings.js';
import { DETECTOR_DESCRIPTION } from './stores.js';
import { type ComputingOptions, defined, PICTURE_FEATURE_OPTIONS, type PictureFeatureOptions } from './internal.js';

const GROUP = 'One question:';

export const ONE_INPUT_FLAGS = {
  question: {
    type: 'string',
    alias: ['statement', 'sentence', 'text'],
    describe: 'the question, statement or sentence, or a text with a [MASK] for each masked word',
    group: GROUP,
  },
  image: {
    type: 'string',
    array: true,
    describe: 'id of the image; two for nlvr2; required if the features have several images',
    group: GROUP,
  },
  choice: {
    type: 'string',
    array: true,
    describe: 'VCR: an answer or rationale to choose from',
    group: GROUP,
  },
  object: {
    type: 'string',
    array: true,
    describe: 'VCR: classes of the objects that [0], [1], ... refer to in the question and its choices',
    group: GROUP,
  },
} as const;

/** Flags of a picture instead of region features, for commands about one image or a pair. */
export const PICTURE_FLAGS = {
  picture: {
    type: 'string',
    array: true,
    describe: 'picture (file or address) of each image; with --detector, instead of features',
    group: GROUP,
  },
  detector: { type: 'string', describe: `detects the regions of --picture: ${DETECTOR_DESCRIPTION}`, group: GROUP },
} as const;

const FEATURE_OPTIONS = Object.keys(PICTURE_FEATURE_OPTIONS);
/** Options of a task's examples that one question has too. */
export const SHARED_OPTIONS: readonly string[] = ['features', 'answers', ...FEATURE_OPTIONS];

/** Flags of features made from pictures, for commands without the flags of data sets. */
export function featureFlags(group: string): ReturnType<typeof flagsOf> {
  return withStoredDefaults(flagsOf(PICTURE_FEATURE_OPTIONS, group));
}

export interface OneInputArguments extends Partial<PictureFeatureOptions>, Omit<ComputingOptions, 'batchSize'> {
  run?: string;
  model?: string;
  question?: string;
  features?: string[];
  image?: string[];
  picture?: string[];
  detector?: string;
  choice?: string[];
  object?: string[];
  phrase?: string[];
  answers?: string;
}

/** The options of features from pictures: those of flags, else those of the run. */
export async function pixelsOf({
  run,
  grid,
  cells,
  look,
}: Partial<PictureFeatureOptions> & Pick<OneInputArguments, 'run'>): Promise<Partial<PictureFeatureOptions>> {
  const made: Partial<PictureFeatureOptions> = run === undefined ? {} : predictionOptions((await readRun(run)).data);
  return defined({ grid: grid ?? made.grid, cells: cells ?? made.cells, look: look ?? made.look });
}

/**
 * Opens the checkpoint with the input of the flags; a run's options apply to its features.
 * @param hasPictures whether the command has `PICTURE_FLAGS`
 */
export async function openInput(
  flags: OneInputArguments,
  { hasPictures }: { hasPictures: boolean },
): Promise<AnyOneInput> {
  const { question, features, image, choice, object, phrase, answers, precision, allowFreshWeights = false } = flags;
  if (question === undefined) throw new Error('Give the question or sentence (--question TEXT).');
  if (question.trim() === '') {
    const typed = typedName(['question', ...ONE_INPUT_FLAGS.question.alias], process.argv) ?? 'question';
    throw new Error(`--${typed}: expected a text that is not blank.`);
  }
  if (flags.detector !== undefined) return openPicture(flags, question);
  if (features === undefined)
    throw new Error(
      hasPictures
        ? 'Give the region features of the image (--features), or a picture and a detector (--picture, --detector).'
        : 'Give the region features of the image (--features); `visualbert ask` takes a picture instead.',
    );
  return openOneInput({
    model: sourceOf(flags),
    text: question,
    features,
    images: image,
    choices: choice,
    objects: object,
    phrases: phrase,
    pixels: await pixelsOf(flags),
    allowFreshWeights,
    ...defined({ answers }),
    ...onePass(precision),
  });
}

/** Opens the checkpoint with a question about pictures, whose regions a detector finds. */
async function openPicture(
  {
    picture = [],
    detector,
    features,
    choice,
    object,
    phrase,
    answers,
    precision,
    allowFreshWeights = false,
    ...rest
  }: OneInputArguments,
  text: string,
): Promise<AnyOneInput> {
  if (features !== undefined)
    throw new Error('Give either features (--features) or a detector (--detector), not both.');
  refuseUnused(rest, ['image', ...FEATURE_OPTIONS], 'a picture with a detector; leave it out');
  if (picture.length === 0) throw new Error('Give the picture for the detector (--picture FILE).');
  const { input, close } = await openQuestion({
    ...{ model: sourceOf(rest), pictures: picture, text, detector, allowFreshWeights },
    ...{ choices: choice, objects: object, phrases: phrase },
    ...defined({ answers }),
    ...onePass(precision),
  });
  return { ...input, close } as AnyOneInput;
}

/** `12.3%`, five characters before the sign. */
export function percent(score: number): string {
  return `${(100 * score).toFixed(1).padStart(5)}%`;
}

/** Options of a single pass: recording would cost more than it saves, but low precisions require it. */
export function onePass(
  precision: PredictionPrecision = 'fp32',
): { compile: false } | { precision: PredictionPrecision } {
  return precision === 'fp32' ? { compile: false } : { precision };
}
