// What a processor is made with, and what may be said when one is loaded.
import type { TextTokenizer } from '../text-tokenizer.js';
import type { DetectorIdentity } from '../features/detector-identity.js';
import type { PictureDetector } from '../features/picture-detector.js';
import type { AnswerVocabulary } from './answer-vocabulary.js';
import { ConfigError } from '../errors.js';
import { shown } from '../options.js';
import { TASK_NAMES, type TaskName } from './text-forms.js';

/** Everything that a processor needs; `VisualBertProcessor.fromPretrained` reads it from a model's files. */
export interface ProcessorOptions {
  tokenizer: TextTokenizer;
  /** Whose text form and visual types to use. Default `plain`. */
  task?: TaskName;
  /** The answers of the classes, for `decodeAnswers`. */
  answers?: AnswerVocabulary | null;
  /** Classes that the model's config names in any way; null when it names none. */
  classCount?: number | null;
  /** Width that the model projects; checked when given. */
  visualEmbeddingDim?: number | null;
  /** Longest text in word pieces, special tokens included. Default 128; never more than the model has positions. */
  maxLength?: number;
  /** Positions that the model has; null when they are not known. */
  maxPositionEmbeddings?: number | null;
  /** Regions beyond this many are left out (the least confident ones). Default: none. */
  maxRegions?: number;
  /** Finds the regions of pictures that the processor is called with. */
  detector?: PictureDetector;
  /** The detector whose regions the model was trained with; null when that is not known. */
  trainedWith?: DetectorIdentity | null;
}

/** What to use in place of what a model's files say, and where they are. */
export interface LoadProcessorOptions extends Omit<
  ProcessorOptions,
  'tokenizer' | 'answers' | 'classCount' | 'visualEmbeddingDim' | 'maxPositionEmbeddings' | 'trainedWith'
> {
  /** A file of answers, for checkpoints that name none (uclanlp/visualbert-vqa). */
  answers?: string;
  /** The task of a checkpoint that names none, which those of this package do in processor_config.json. Default `plain`. */
  defaultTask?: TaskName;
  /** A vocab.txt in place of the model's vocabulary; case, accents and special tokens stay as the model's files say. */
  vocabulary?: string;
  revision?: string;
  cacheDir?: string;
  token?: string | false;
  localFilesOnly?: boolean;
  subfolder?: string;
}

/** @throws ConfigError naming the option that cannot be used */
export function requireProcessorOptions({ task, maxLength, maxRegions }: ProcessorOptions): void {
  const refuse = (name: string, what: string, received: unknown): never => {
    throw new ConfigError(`${name}: expected ${what}, received ${shown(received)}`);
  };
  if (task !== undefined && !TASK_NAMES.includes(task)) refuse('task', `one of ${TASK_NAMES.join(', ')}`, task);
  for (const [name, value] of Object.entries({ maxLength, maxRegions }))
    if (value !== undefined && value !== Infinity && !(Number.isSafeInteger(value) && value >= 1))
      refuse(name, 'a whole number of at least 1', value);
}
