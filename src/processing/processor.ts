// VisualBertProcessor: a text and region features to model inputs, in the form that a checkpoint was trained on, and logits to answers.
import { createTokenizer, exists, hubFile, isFolder, joinPath, readText, writeTextAtomic } from '#platform';
import { ConfigError, DataError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import { softmax } from '../scores.js';
import type { TextTokenizer } from '../text-tokenizer.js';
import { type AnswerVocabulary, parseAnswers, requireAuthorsAnswers } from './answer-vocabulary.js';
import { type Buckets, type EncodedExample, type EncodedText, NO_BUCKETS, padBatch } from './batch.js';
import { cutPair } from './cut-pair.js';
import { firstRegions, type RegionFeatures } from '../features/region-features.js';
import {
  type BoxInput,
  fitWidth,
  type RegionInput,
  regionsOf,
  splitBatch,
  type TensorLike,
  valuesOf,
} from './region-inputs.js';
import { type TaskName, textForm } from './text-forms.js';

/** The longest text of every phase of the authors' training. */
const AUTHORS_MAX_LENGTH = 128;
const DEFAULT_VOCABULARY = 'bert-base-uncased';
const SETTINGS_FILE = 'processor_config.json';

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
  /** Longest text in word pieces, special tokens included. Default 128. */
  maxLength?: number;
  /** Regions beyond this many are left out (the least confident ones). Default: none. */
  maxRegions?: number;
  /** Whether the vocabulary is of lower-cased text; written into tokenizer_config.json. Default true. */
  lowercase?: boolean;
}

/** One example, or a batch when `text` is a list: then every other list has one entry for each text. */
export interface ProcessorInputs {
  text: string | readonly string[];
  /** A second segment: `[CLS] text [SEP] textPair [SEP]`. */
  textPair?: string | readonly string[];
  /** Regions of the image, or of each image of a pair (NLVR2); for a batch a list of these, or one array `[b, v, d]`. */
  visualEmbeds?: RegionInput | readonly RegionInput[] | readonly (RegionInput | readonly RegionInput[])[];
  /** Boxes of the regions; needed where the model's features end in places (Flickr30k). */
  boxes?: BoxInput | readonly BoxInput[];
  /** Width and height of the image, of every image for a batch. */
  imageSize?: readonly [number, number] | readonly (readonly [number, number])[];
  /** true or 'longest': to the longest text of the batch; 'max_length': to maxLength; false only fits texts of one length. Default true. */
  padding?: boolean | 'longest' | 'max_length';
  /** Whether longer texts are cut; without it they are an error. Default true. */
  truncation?: boolean;
  maxLength?: number;
}

export interface LoadProcessorOptions extends Omit<
  ProcessorOptions,
  'tokenizer' | 'answers' | 'classCount' | 'visualEmbeddingDim' | 'lowercase'
> {
  /** A file of answers, for checkpoints that name none (uclanlp/visualbert-vqa). */
  answers?: string;
  /** The task of a checkpoint that names none, which those of this package do in processor_config.json. Default `plain`. */
  defaultTask?: TaskName;
  revision?: string;
  cacheDir?: string;
  token?: string | false;
  localFilesOnly?: boolean;
  subfolder?: string;
}

/** An answer with its class and probability. */
export interface DecodedAnswer {
  answer: string;
  index: number;
  score: number;
}

type Process = (inputs: ProcessorInputs) => Promise<Record<string, RawTensor>>;

/** Instances of its subclasses can be called: the call is their method `process`. */
const Callable = function (this: unknown): unknown {
  const self = (inputs: ProcessorInputs): unknown => (self as unknown as VisualBertProcessor).process(inputs);
  return Object.setPrototypeOf(self, new.target?.prototype as object);
} as unknown as new () => Process;

/**
 * Turns text and region features into model inputs: `await processor({ text, visualEmbeds })`.
 *
 * The text takes the form of the task (a VQA question ends in `? [MASK] [SEP]`), regions take the visual types of the authors' code
 * (0; for NLVR2 0 and 1 by image), masks cover what is real, padding is at the end.
 */
export class VisualBertProcessor extends Callable {
  readonly tokenizer: TextTokenizer;
  readonly task: TaskName;
  readonly answers: AnswerVocabulary | null;
  readonly classCount: number | null;
  readonly visualEmbeddingDim: number | null;
  readonly maxLength: number;
  readonly maxRegions: number;
  readonly lowercase: boolean;

  constructor(options: ProcessorOptions) {
    super();
    this.tokenizer = options.tokenizer;
    this.task = options.task ?? 'plain';
    this.answers = options.answers ?? null;
    this.classCount = options.classCount ?? null;
    this.visualEmbeddingDim = options.visualEmbeddingDim ?? null;
    this.maxLength = options.maxLength ?? AUTHORS_MAX_LENGTH;
    this.maxRegions = options.maxRegions ?? Infinity;
    this.lowercase = options.lowercase ?? true;
  }

  /**
   * Loads the vocabulary (`tokenizer.json` or `vocab.txt` beside the model, else that of bert-base-uncased) and the answers (id2label of
   * config.json, or a file).
   * @throws DataError when the answers file is not that of the checkpoint.
   */
  static async fromPretrained(dirOrId: string, options: LoadProcessorOptions = {}): Promise<VisualBertProcessor> {
    const { answers: answersFile, task, defaultTask, maxLength, maxRegions, ...hub } = options;
    const find = async (file: string): Promise<string | null> => {
      if (!(await isFolder(dirOrId)) && !dirOrId.includes('://')) return hubFile(dirOrId, file, hub);
      const path = joinPath(dirOrId, file);
      return (await exists(path)) ? path : null;
    };
    const json = async (file: string): Promise<Record<string, unknown>> => {
      const path = await find(file);
      return path === null ? {} : (JSON.parse(await readText(path)) as Record<string, unknown>);
    };
    const [config, tokenizerConfig, settings] = [
      await json('config.json'),
      await json('tokenizer_config.json'),
      await json(SETTINGS_FILE),
    ];
    const lowercase = tokenizerConfig['do_lower_case'] !== false;
    const tokenizerJson = await find('tokenizer.json');
    const vocabulary =
      (await find('vocab.txt')) ??
      (tokenizerJson === null
        ? await hubFile(DEFAULT_VOCABULARY, 'vocab.txt', { ...hub, subfolder: '', revision: 'main' })
        : null);
    if (vocabulary === null && tokenizerJson === null)
      throw new DataError(`${dirOrId}: found no vocab.txt, nor that of ${DEFAULT_VOCABULARY}`);
    const tokenizer = createTokenizer(
      tokenizerJson === null
        ? { vocabulary: await readText(vocabulary ?? ''), lowercase }
        : { tokenizerJson: await readText(tokenizerJson) },
    );
    const usual = <T>(value: T | undefined, key: string): T | undefined => value ?? (settings[key] as T | undefined);
    return new VisualBertProcessor({
      tokenizer,
      lowercase,
      answers: answersFile === undefined ? answersOf(config) : await loadAnswers(answersFile, config),
      classCount: classCountOf(config),
      visualEmbeddingDim: (config['visual_embedding_dim'] as number | undefined) ?? null,
      ...defined({
        task: usual(task, 'task') ?? defaultTask,
        maxLength: usual(maxLength, 'max_length'),
        maxRegions: usual(maxRegions, 'max_regions'),
      }),
    });
  }

  /** Writes vocab.txt, tokenizer_config.json and processor_config.json beside a model; the answers are in its config's id2label. */
  async savePretrained(folder: string): Promise<void> {
    const write = (file: string, text: string): Promise<void> => writeTextAtomic(joinPath(folder, file), text);
    const tokenizerConfig = { tokenizer_class: 'BertTokenizer', do_lower_case: this.lowercase, model_max_length: 512 };
    const settings = {
      processor_class: 'VisualBertProcessor',
      task: this.task,
      max_length: this.maxLength,
      ...(Number.isFinite(this.maxRegions) ? { max_regions: this.maxRegions } : {}),
    };
    await write('vocab.txt', `${this.tokenizer.vocabulary().join('\n')}\n`);
    await write('tokenizer_config.json', `${JSON.stringify(tokenizerConfig, null, 2)}\n`);
    await write(SETTINGS_FILE, `${JSON.stringify(settings, null, 2)}\n`);
  }

  /**
   * The same as calling the processor: `inputIds`, `attentionMask`, `tokenTypeIds` `[b, t] int32`; with regions `visualEmbeds [b, v, d]
   * float32`, `visualAttentionMask` and `visualTokenTypeIds` `[b, v] int32`. A single text gives b = 1.
   * @throws DataError when lists differ in length, widths do not fit, or a text is too long and may not be cut.
   */
  async process(inputs: ProcessorInputs): Promise<Record<string, RawTensor>> {
    const { padding = true, truncation = true, maxLength = this.maxLength } = inputs;
    const texts = asList(inputs.text);
    const pairs = inputs.textPair === undefined ? undefined : asList(inputs.textPair);
    if (pairs !== undefined) requireCount('textPair', pairs.length, texts.length);
    const encoded = await Promise.all(
      texts.map((text, i) => this.encodeText(text, pairs?.[i], { maxLength, truncation })),
    );
    if (padding === false && new Set(encoded.map(({ ids }) => ids.length)).size > 1) {
      throw new DataError('padding: texts of different lengths make no batch without padding; set padding to true');
    }
    const images = this.imagesOf(inputs, texts.length);
    const examples = encoded.map((text, i) => ({ text, images: images[i] ?? [] }));
    return this.collate(examples, {
      ...(padding === 'max_length' ? { textLength: maxLength } : {}),
      buckets: NO_BUCKETS,
    });
  }

  /**
   * A text in the form of the task, as word pieces with [CLS] and [SEP]. A long text loses its end (never the [MASK] slot); of a pair
   * both lose from the front, the first down to 32 pieces before the second, as the authors cut.
   */
  async encodeText(
    text: string,
    pair?: string,
    { maxLength = this.maxLength, truncation = true } = {},
  ): Promise<EncodedText> {
    const { cls, sep } = this.tokenizer.special;
    const form = textForm(this.task, text);
    const ending = form.ending === '' ? [] : await this.tokenizer.encode(form.ending);
    const body = await this.tokenizer.encode(form.body);
    const paired = pair === undefined ? null : await this.tokenizer.encode(pair);
    const room = maxLength - ending.length - (paired === null ? 2 : 3);
    const excess = body.length + (paired?.length ?? 0) - room;
    if (excess > 0 && !truncation) {
      throw new DataError(
        `text: ${maxLength + excess} word pieces are more than maxLength ${maxLength}: ${JSON.stringify(text.slice(0, 60))}; set truncation`,
      );
    }
    const [first, second] = paired === null ? [body.slice(0, Math.max(0, room)), null] : cutPair(body, paired, room);
    const head = [cls, ...first, ...ending, sep];
    const tail = second === null ? [] : [...second, sep];
    return { ids: [...head, ...tail], typeIds: [...head.map(() => 0), ...tail.map(() => 1)] };
  }

  /**
   * A text given in words, each cut into pieces on its own, with the place of each word's last piece: where a phrase that ends in it is
   * read. Words beyond maxLength are lost; their place is that of [SEP].
   */
  async encodeWords(words: readonly string[]): Promise<{ text: EncodedText; lastPieces: number[] }> {
    const { cls, sep } = this.tokenizer.special;
    const pieces = await Promise.all(words.map((word) => this.tokenizer.encode(word)));
    const ids = [cls, ...pieces.flat().slice(0, this.maxLength - 2), sep];
    let end = 0;
    const lastPieces = pieces.map((one) => Math.min((end += one.length), ids.length - 1));
    return { text: { ids, typeIds: ids.map(() => 0) }, lastPieces };
  }

  /** Regions as the model takes them: capped, and in its width. */
  fitRegions(regions: RegionFeatures): RegionFeatures {
    const capped = firstRegions(regions, this.maxRegions);
    return this.visualEmbeddingDim === null ? capped : fitWidth(capped, this.visualEmbeddingDim);
  }

  /** Pads encoded examples into a batch of model inputs. */
  collate(
    examples: readonly EncodedExample[],
    options: { buckets: Buckets; textLength?: number },
  ): Record<string, RawTensor> {
    return padBatch(examples, { ...options, padId: this.tokenizer.special.pad });
  }

  /**
   * The best answers of each row of `[b, c]` (or `[c]`) logits, with their probabilities; `<unk>` is never one.
   * @throws ConfigError when the checkpoint does not name its answers.
   */
  decodeAnswers(logits: RawTensor | TensorLike, { topK = 5 }: { topK?: number } = {}): DecodedAnswer[][] {
    const { answers } = this;
    if (answers === null) {
      throw new ConfigError(
        "decodeAnswers: this checkpoint's config.json has no answer names (id2label is LABEL_0, LABEL_1, ...); give the list it was trained " +
          "with as fromPretrained(..., { answers: 'answers_vqa.txt' }): for uclanlp/visualbert-vqa the 3129 lines of Pythia's answers_vqa.txt",
      );
    }
    const { shape, data } = valuesOf(logits);
    const c = shape.at(-1) ?? 0;
    const rows = c === 0 ? 0 : data.length / c;
    return Array.from({ length: rows }, (_, i) =>
      answers.best(softmax(Array.from(data).slice(i * c, (i + 1) * c)), topK),
    );
  }

  /** The regions of each example's images. */
  private imagesOf({ text, visualEmbeds, boxes, imageSize }: ProcessorInputs, count: number): RegionFeatures[][] {
    if (visualEmbeds === undefined) return [];
    const isBatch = typeof text !== 'string';
    const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value);
    let perExample: readonly unknown[] = isBatch ? [] : [visualEmbeds];
    if (isBatch) perExample = isArray(visualEmbeds) ? visualEmbeds : splitBatch(visualEmbeds as RawTensor | TensorLike);
    requireCount('visualEmbeds', perExample.length, count);
    const perExampleBoxes =
      boxes === undefined ? [] : ((isBatch ? boxes : [boxes]) as readonly (BoxInput | undefined)[]);
    const sizes =
      imageSize === undefined ? [] : ((isBatch ? imageSize : [imageSize]) as readonly (readonly [number, number])[]);
    return perExample.map((entry, i) =>
      (isArray(entry) ? entry : [entry]).map((image) =>
        this.fitRegions(regionsOf(image as RegionInput, perExampleBoxes[i], sizes[i])),
      ),
    );
  }
}

function asList(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

function requireCount(what: string, found: number, expected: number): void {
  if (found !== expected)
    throw new DataError(`${what}: expected one entry for each of the ${expected} texts, received ${found}`);
}

function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** The answers that a config.json names, null when it names none. */
function answersOf(config: Record<string, unknown>): AnswerVocabulary | null {
  const labels = config['id2label'] as Record<string, string> | undefined;
  if (labels === undefined || Object.entries(labels).every(([id, label]) => label === `LABEL_${id}`)) return null;
  return parseAnswers(JSON.stringify(labels), 'config.json id2label');
}

function classCountOf(config: Record<string, unknown>): number | null {
  const labels = config['id2label'] as Record<string, string> | undefined;
  return labels === undefined ? null : Object.keys(labels).length;
}

/** Reads an answers file and holds it against the head it is for. */
async function loadAnswers(path: string, config: Record<string, unknown>): Promise<AnswerVocabulary> {
  const answers = parseAnswers(await readText(path), path);
  const classes = classCountOf(config);
  if (classes === 3129 && answersOf(config) === null) requireAuthorsAnswers(answers, path);
  if (classes !== null && classes !== answers.size) {
    throw new DataError(
      `${path}: has ${answers.size} answers, the model has ${classes} classes; use the list it was trained with`,
    );
  }
  return answers;
}
