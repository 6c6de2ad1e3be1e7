// Options of a processor, and of loading one.
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';
import type { DetectorIdentity } from '../features/detector-identity.js';
import type { PictureDetector } from '../features/picture-detector.js';
import type { AnswerVocabulary } from './answer-vocabulary.js';
import { ConfigError } from '../errors.js';
import { shown } from '../options.js';
import { TEXT_FORM_NAMES, type TextFormName } from './text-forms.js';

/** Longest text in word pieces, in the authors' training and by default. */
export const DEFAULT_MAX_LENGTH = 128;

/** Options of a processor; `VisualBertProcessor.fromPretrained` reads them from a model's files. */
export interface ProcessorOptions {
  tokenizer: TextTokenizer;
  /** Task whose text form and visual types to use. Default `plain`. */
  task?: TextFormName;
  /** The answers of the classes, for `decodeAnswers`. */
  answers?: AnswerVocabulary | null;
  /** Number of classes in the model's config; null when it has none. */
  classCount?: number | null;
  /** Width of the model's region features; checked when given. */
  visualEmbeddingDim?: number | null;
  /** Longest text in word pieces, special tokens included. Default `DEFAULT_MAX_LENGTH`; at most the model's positions. */
  maxLength?: number;
  /** Number of the model's positions; null if unknown. */
  maxPositionEmbeddings?: number | null;
  /** Regions beyond this many are left out (the least confident ones). Default: none. */
  maxRegions?: number;
  /** Finds the regions of pictures passed to the processor. */
  detector?: PictureDetector;
  /** The detector whose regions the model was trained with; null if unknown. */
  trainedWith?: DetectorIdentity | null;
}

/** Options that override a model's files, and the location of the files. */
export interface LoadProcessorOptions extends Omit<
  ProcessorOptions,
  'tokenizer' | 'answers' | 'classCount' | 'visualEmbeddingDim' | 'maxPositionEmbeddings' | 'trainedWith'
> {
  /** The answers of the classes or a file with them, for checkpoints without them (uclanlp/visualbert-vqa). */
  answers?: string | readonly string[];
  /** The text form of checkpoints that do not state one in processor_config.json. Default `plain`. */
  defaultTask?: TextFormName;
  /** A vocab.txt to replace the model's vocabulary; case, accents and special tokens remain those of the model's files. */
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
  if (task !== undefined && !TEXT_FORM_NAMES.includes(task))
    refuse('task', `one of ${TEXT_FORM_NAMES.join(', ')}`, task);
  for (const [name, value] of Object.entries({ maxLength, maxRegions }))
    if (value !== undefined && value !== Infinity && !(Number.isSafeInteger(value) && value >= 1))
      refuse(name, 'a whole number of at least 1', value);
}
