// One input for a checkpoint, from a user's text: the task follows from the checkpoint's class, regions come from feature files or pictures.
import { loadConfig, type VisualBertConfig } from '../config/config.js';
import { ConfigError } from '../errors.js';
import { openRegionFeatures } from '../features/open.js';
import type { Picture } from '../features/picture-detector.js';
import type { PictureFeatureOptions } from '../features/pixel-options.js';
import { onlyImage } from '../features/region-features.js';
import { tasksOfConfig } from '../pipelines/checkpoint-tasks.js';
import type { Pipeline, PipelineInput, PipelineName, PipelineTypes } from '../pipelines/contract.js';
import { accessTo } from '../pipelines/create.js';
import { type NodePipelineOptions, openPipeline } from '../pipelines/node-pipeline.js';
import type { RegionsOfImage } from '../pipelines/regions.js';
import { locatePretrained, type PretrainedFiles } from '../platform/locate.js';
import { warnAboutDetector } from '../processing/detector-warning.js';
import { readTrainedDetector } from '../processing/load-processor.js';
import { warnAboutUnknownWords } from '../processing/unknown-words.js';
import type { VcrToken } from '../processing/vcr-names.js';
import { defined, requireOptions } from '../options.js';

/** Options of `openOneInput`. */
export interface OneInputOptions extends Pick<
  NodePipelineOptions,
  'answers' | 'compile' | 'precision' | 'allowFreshWeights' | 'detector' | 'onProgress'
> {
  /** Run folder, model folder or hub id. */
  model: string;
  /** The question, statement or sentence; for masked words the text with [MASK]. */
  text: string;
  /** Region features, in any form that `openRegionFeatures` accepts. */
  features?: string | readonly string[] | undefined;
  /** Instead of features: the picture, or the two of a pair; `detector` finds their regions. */
  pictures?: readonly Picture[] | undefined;
  /** Id of the image; not needed when the features hold only one. NLVR2: two ids. */
  images?: readonly string[] | undefined;
  /** Options of features made from pixels, as in training. */
  pixels?: Partial<PictureFeatureOptions>;
  /** Choices of a VCR question. */
  choices?: readonly string[] | undefined;
  /** Kinds of the objects that tags such as [0] name in the question and its choices. */
  objects?: readonly string[] | undefined;
  /** Phrases of a sentence to find. */
  phrases?: readonly string[] | undefined;
}

/** A pipeline and an input for it. `T` is one of the tasks. */
export interface OneInput<T extends PipelineName> {
  task: T;
  pipeline: Pipeline<T>;
  input: PipelineInput<T>;
  /** Ids of the images. */
  images: readonly string[];
  /** Frees the model. */
  close(): Promise<void>;
}

/** One type per task, so that pipeline and input match. */
export type AnyOneInput = { [T in PipelineName]: OneInput<T> }[PipelineName];

/**
 * Reads the regions of the images, loads the checkpoint and makes its input.
 * @throws ConfigError for a checkpoint without a task, or an input that lacks regions, choices or phrases, or has those of another task; DataError for an absent image
 * @example
 * const { pipeline: ask, input, close } = await openOneInput({ model: 'runs/vqa', text: 'What color is the bus?', features: 'features.vbf' });
 * const answers = await ask(input);
 * await close();
 */
export async function openOneInput(options: OneInputOptions): Promise<AnyOneInput> {
  requireOptions('openOneInput', options);
  return openLocatedInput(await locatePretrained(options.model, defined({ onProgress: options.onProgress })), options);
}

/** `openOneInput` of a checkpoint whose files are located. */
export async function openLocatedInput(files: PretrainedFiles, options: OneInputOptions): Promise<AnyOneInput> {
  const { pictures, answers, precision, compile, detector, onProgress, allowFreshWeights = false } = options;
  const { config } = await loadConfig(files);
  const task = taskOf(config, options);
  requireUsed(task, options);
  const { images, regions } =
    pictures === undefined
      ? await readImages(files, options, config.visualEmbeddingDim)
      : { images: pictures.map(String), regions: pictures };
  const input = inputsOf(options, regions)[task](); // before the model is loaded, which takes longer
  const loaded = await openPipeline(task, files, {
    allowFreshWeights,
    ...defined({ answers, precision, compile, detector, onProgress }),
  });
  const words = options.objects === undefined ? options.text : options.text.replace(TAGS, ' ');
  await warnAboutUnknownWords(words, accessTo(loaded).processor.tokenizer, options.model);
  return { task, pipeline: loaded, input, images, close: () => loaded.dispose() } as AnyOneInput;
}

/** The regions of the images in feature files. */
async function readImages(
  files: PretrainedFiles,
  { features, images, pixels = {} }: OneInputOptions,
  dim: number,
): Promise<{ images: readonly string[]; regions: readonly RegionsOfImage[] }> {
  if (features === undefined)
    throw new ConfigError('expected region features, or pictures with a detector; received neither');
  const source = await openRegionFeatures(features, { ...pixels, dim });
  try {
    warnAboutDetector(await readTrainedDetector(files), source.detector, source.name);
    const chosen = images ?? [onlyImage(source)];
    return { images: chosen, regions: await Promise.all(chosen.map((id) => source.read(id))) };
  } finally {
    await source.close();
  }
}

/** The task of a checkpoint: that of its class; one of pre-training fills in a [MASK], or predicts whether text and image match. */
function taskOf(config: VisualBertConfig, { model, text }: Pick<OneInputOptions, 'model' | 'text'>): PipelineName {
  const [first, second] = tasksOfConfig(model, config);
  return second === undefined || text.includes('[MASK]') ? first : second;
}

/** @throws ConfigError for parts of an input that the task does not have */
function requireUsed(task: PipelineName, options: OneInputOptions): void {
  for (const [name, owner] of Object.entries(OWNERS)) {
    if (options[name as keyof typeof OWNERS] === undefined || task === owner) continue;
    throw new ConfigError(
      `\`${name}\`: expected a model of ${owner}, received ${options.model}, whose task is ${task} and takes no \`${name}\``,
    );
  }
}

function inputsOf(
  { text, choices = [], objects, phrases = [] }: OneInputOptions,
  images: readonly RegionsOfImage[],
): { [T in PipelineName]: () => PipelineTypes[T]['input'] } {
  const one = (): RegionsOfImage => {
    const [regions, second] = images;
    if (regions !== undefined && second === undefined) return regions;
    throw new ConfigError(`expected one image, received ${images.length}; only statements (NLVR2) have two`);
  };
  const tagged = (words: string): string | VcrToken[] => (objects === undefined ? words : tagsOf(words));
  return {
    'visual-question-answering': () => ({ question: text, regions: one() }),
    'visual-reasoning': () => ({ statement: text, regions: images }),
    'visual-multiple-choice': () => ({
      ...{ question: tagged(text), choices: choices.map(tagged), regions: one() },
      ...(objects === undefined ? {} : { objects }),
    }),
    'phrase-grounding': () => ({ sentence: text, phrases, regions: one() }),
    'fill-mask': () => ({ text, regions: one() }),
    'image-text-matching': () => ({ text, regions: one() }),
    'feature-extraction': () => ({ text, regions: images }),
  };
}

/** The tasks of parts that only one task has. */
const OWNERS = {
  choices: 'visual-multiple-choice',
  objects: 'visual-multiple-choice',
  phrases: 'phrase-grounding',
} as const;

/** Tags of objects in the text of a VCR question: `[0]`, `[1,2]`. */
const TAGS = /\[\d+(?:,\d+)*\]/g;

/** `Why is [0] near [1,2] ?` as words and tags. */
function tagsOf(text: string): VcrToken[] {
  return text.split(/\s+/).flatMap((token): VcrToken[] => {
    const tags = /^\[(\d+(?:,\d+)*)\]$/.exec(token)?.[1];
    return token === '' ? [] : [tags === undefined ? token : tags.split(',').map(Number)];
  });
}
