// The options of every task: names, checks, defaults and help texts, defined once; commands make their flags from them.
import { z } from 'zod';
import { PICTURE_FEATURE_OPTIONS } from '../../features/pixel-options.js';
import { ALIGNMENTS } from '../../processing/aligned-text.js';
import { DEFAULT_MAX_LENGTH } from '../../processing/processor-options.js';
import { ofExamples, type OptionRole, path, paths, validating, VARIES } from './option-role.js';
import { NAMINGS } from '../../processing/vcr-names.js';
import { number, oneOf, parseOptions, roleOf, truth, wholeNumber } from '../../options.js';
import { ConfigError } from '../../errors.js';

/** Options of every task with regions. */
const common = {
  validationFeatures: validating(
    'features',
    paths,
    'region features of the validation examples, if in other files (easy-VQA numbers both splits from 0)',
  ),
  maxTextLength: wholeNumber(4, 512).default(DEFAULT_MAX_LENGTH).describe('maximum length of a text in word pieces'),
  maxRegions: wholeNumber(1).optional().describe('maximum number of regions per image'),
  regions: oneOf(['real', 'zeroed', 'shuffled'])
    .default('real')
    .describe('control experiments: zeroed removes the content of regions, shuffled uses those of another example'),
  skipBadImages: truth()
    .default(false)
    .describe('leave out and list examples whose images have no usable regions (none, damaged, NaN or infinite)'),
  vocabulary: ofExamples(
    path.optional(),
    "vocab.txt; default: the model's; for a new model built from the training texts",
    { isStoredInRun: true },
  ),
  ...PICTURE_FEATURE_OPTIONS,
  cacheMb: number('a number of at least 0', (x) => x >= 0)
    .default(256)
    .meta(VARIES)
    .describe('size of the cache of region features, in MB'),
};

const features = paths
  .meta(VARIES)
  .describe('region features: a file or folder in any format of docs/data.md; several are joined');

const vqa = z.strictObject({
  questions: ofExamples(paths, 'VQA 2.0 questions (.json, .gz), or easy-VQA questions.json; several are joined'),
  annotations: ofExamples(paths.optional(), 'VQA 2.0 annotations, in the order of the question files'),
  validationQuestions: validating('questions', paths, 'validation questions'),
  validationAnnotations: validating('annotations', paths, 'validation annotations'),
  features,
  answers: ofExamples(
    path.optional(),
    "list of answers (.txt, .json); default: the model's, else built from the training answers",
    { isStoredInRun: true },
  ),
  minimumAnswerCount: ofExamples(
    wholeNumber(1).default(9),
    'for a built list: minimum number of questions with this most common answer',
  ),
  ...common,
});

const nlvr = z.strictObject({
  data: ofExamples(paths, 'NLVR statements (.json lines) with structured scenes, or with pictures named in --features'),
  validationData: validating('data', paths, 'validation statements'),
  features: features.optional().describe('region features of the pictures; default: the structured scenes'),
  ...common,
});

const nlvr2 = z.strictObject({
  data: ofExamples(paths, "NLVR2 statements: lil-lab's .json lines or LXMERT's .json"),
  validationData: validating('data', paths, 'validation statements'),
  features,
  ...common,
});

const pretraining = z.strictObject({
  captions: ofExamples(paths, "captions (COCO's captions_train2014.json, or lines of { image_id, caption })"),
  validationCaptions: validating('captions', paths, 'validation captions'),
  features,
  captionPairs: truth()
    .default(true)
    .describe('use two captions, in half of the cases the second one of another image; false: one caption'),
  ...common,
});

const places = truth().default(true).describe("append each region's box to its features (2048 + 6)");

const flickr = z.strictObject({
  entities: path.meta(VARIES).describe('folder of Flickr30k Entities, with Sentences and Annotations'),
  split: ofExamples(path, 'list of image ids: train.txt, val.txt or test.txt'),
  validationSplit: validating('split', path, 'list of validation image ids'),
  features,
  places,
  ...common,
});

const vcr = z.strictObject({
  data: ofExamples(paths, 'VCR annotations (train.jsonl, val.jsonl, test.jsonl)'),
  validationData: validating('data', paths, 'validation annotations'),
  features: features.describe(
    'features by img_id: the whole picture first, then the objects in the order of the annotation',
  ),
  mode: oneOf(['answer', 'rationale']).default('answer').describe('answer: Q->A; rationale: QA->R'),
  alignment: oneOf(ALIGNMENTS)
    .default('pieces')
    .describe("text positions of objects: pieces, or words, which repeats a bug of the authors' code"),
  names: oneOf(NAMINGS)
    .default('distinct')
    .describe(
      'names of people: distinct, or authors, which repeats a bug of their code that reuses names in each choice',
    ),
  ...common,
});

const own = {
  data: ofExamples(paths, 'own records (.jsonl); see `visualbert data check --help`'),
  validationData: validating('data', paths, 'validation records'),
  features,
};
const classification = z.strictObject({ ...own, ...common });
const answering = z.strictObject({
  ...own,
  answers: ofExamples(path.optional(), "list of answers (.txt, .json); default: the model's, else those of the data", {
    isStoredInRun: true,
  }),
  ...common,
});
const grounding = z.strictObject({ ...own, places, ...common });

/** The options of each task by its name. */
export const TASK_OPTIONS = {
  vqa,
  nlvr,
  nlvr2,
  vcr,
  flickr,
  pretraining,
  'vqa-pretraining': vqa,
  'nlvr2-pretraining': nlvr2,
  'vcr-pretraining': vcr,
  'flickr-pretraining': flickr,
  classification,
  answering,
  grounding,
} as const;

/** A short description of each task. */
export const TASK_DESCRIPTIONS: Readonly<Record<TaskName, string>> = {
  vqa: 'questions about images: VQA 2.0 and its layout, easy-VQA',
  nlvr: 'statements about three drawn boxes',
  nlvr2: 'statements about a pair of photographs',
  vcr: 'questions with four answers, or four rationales',
  flickr: 'phrases of Flickr30k Entities and their regions',
  pretraining: 'masked words and matching captions (COCO)',
  'vqa-pretraining': 'masked words of questions and answers',
  'nlvr2-pretraining': 'masked words of statements, and whether they are true',
  'vcr-pretraining': 'masked words of questions with a choice, and whether it is correct',
  'flickr-pretraining': 'masked words of sentences',
  classification: 'your own texts about one image or two, with labels',
  answering: 'your own questions with answers',
  grounding: 'your own sentences with phrases and boxes',
};

/** The name of a task. */
export type TaskName = keyof typeof TASK_OPTIONS;
export type VqaOptions = z.output<typeof vqa>;
export type NlvrOptions = z.output<typeof nlvr>;
export type Nlvr2Options = z.output<typeof nlvr2>;
export type VcrOptions = z.output<typeof vcr>;
export type FlickrOptions = z.output<typeof flickr>;
export type ClassificationOptions = z.output<typeof classification>;
export type AnsweringOptions = z.output<typeof answering>;
export type GroundingOptions = z.output<typeof grounding>;
export type PretrainingOptions = z.output<typeof pretraining>;
/** The options that all tasks share. */
export type CommonOptions = z.output<z.ZodObject<typeof common>>;

/** Names of the tasks. */
export const TASK_NAMES = Object.keys(TASK_OPTIONS) as TaskName[];

/** @throws ConfigError for anything but the name of a task */
export function requireTask(name: unknown): asserts name is TaskName {
  if (!(TASK_NAMES as readonly unknown[]).includes(name))
    throw new ConfigError(`task: expected one of ${TASK_NAMES.join(', ')}, received ${String(name)}`);
}

/**
 * Checks options and fills in the defaults.
 * @throws OptionsError naming every unknown, missing or unusable option
 * @example
 * const { data, maxTextLength } = resolveTaskOptions('nlvr', { data: 'train.json' }); // ['train.json'], 128
 */
export function resolveTaskOptions<N extends TaskName>(name: N, options: unknown): z.output<(typeof TASK_OPTIONS)[N]> {
  requireTask(name);
  return parseOptions(`task ${name}`, TASK_OPTIONS[name], options) as z.output<(typeof TASK_OPTIONS)[N]>;
}

/** The options of all tasks by name: a name has the same meaning in every task. */
export const ALL_TASK_OPTIONS: Readonly<Record<string, z.ZodType>> = Object.assign(
  {},
  ...Object.values(TASK_OPTIONS).map(({ shape }) => shape),
);

/**
 * The metadata of an option; empty for an unknown name.
 * @example
 * optionRole('validationQuestions').validates; // 'questions'
 */
export function optionRole(name: string): OptionRole {
  return roleOf<OptionRole>(ALL_TASK_OPTIONS[name]);
}
