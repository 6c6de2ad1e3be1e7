// VisualBertProcessor: converts text and region features to model inputs, in the form that a checkpoint was trained on, and logits to answers.
import { DataError } from '../errors.js';
import { type DetectorIdentity, parseDetectorIdentity } from '../features/detector-identity.js';
import { type Picture, type PictureDetector, pictureReader } from '../features/picture-detector.js';
import { firstRegions, type RegionFeatures } from '../features/region-features.js';
import type { RawTensor } from '../raw-tensor.js';
import { DEFAULT_TOP_K, softmax } from '../scores.js';
import type { TextTokenizer } from '../platform/tokenizers/text-tokenizer.js';
import { type AnswerVocabulary, noAnswerNames } from './answer-vocabulary.js';
import { type Buckets, type EncodedExample, type EncodedText, NO_BUCKETS, padBatch } from './batch.js';
import { warnAboutDetector } from './detector-warning.js';
import { encodeText, encodeWords } from './encode-text.js';
import { loadProcessor, saveProcessor } from './load-processor.js';
import {
  DEFAULT_MAX_LENGTH,
  type LoadProcessorOptions,
  type ProcessorOptions,
  requireProcessorOptions,
} from './processor-options.js';
import { type ProcessorInputs, regionsOfPictures, regionsOfTexts, textsOf } from './processor-inputs.js';
import { fitWidth, type TensorLike, valuesOf } from './region-inputs.js';
import type { TextFormName } from './text-forms.js';
import { defined, requireKinds, requireOptions, shown } from '../options.js';

/** An answer with its class and probability. */
export interface DecodedAnswer {
  answer: string;
  index: number;
  score: number;
}

type Process = (inputs: ProcessorInputs) => Promise<Record<string, RawTensor>>;

/** Base class of callable instances: a call runs `process`. */
const Callable = function (this: unknown): unknown {
  const self = (inputs: ProcessorInputs): unknown => (self as unknown as VisualBertProcessor).process(inputs);
  return Object.setPrototypeOf(self, new.target?.prototype as object);
} as unknown as new () => Process;

/**
 * Turns text and region features into model inputs: `await processor({ text, visualEmbeds })`; or text and a picture, with a detector that
 * finds its regions: `await processor({ text, image: 'photo.jpg', detector })`.
 *
 * The text gets the form of the task (a VQA question ends in `? [MASK] [SEP]`), regions get the visual types of the authors' code
 * (0; for NLVR2 0 and 1 by image), masks are 1 on real tokens and regions, padding is at the end.
 * @example
 * const processor = await VisualBertProcessor.fromPretrained('bert-base-uncased', { task: 'vqa' });
 * const inputs = await processor({ text: 'What is the man eating?', visualEmbeds: tf.zeros([36, 2048]) });
 */
export class VisualBertProcessor extends Callable {
  readonly tokenizer: TextTokenizer;
  readonly task: TextFormName;
  readonly answers: AnswerVocabulary | null;
  readonly classCount: number | null;
  readonly visualEmbeddingDim: number | null;
  readonly maxLength: number;
  readonly maxRegions: number;
  /** The detector whose regions the model was trained with; null if unknown. */
  readonly trainedWith: DetectorIdentity | null;
  private readonly maxPositions: number;
  private readonly readPicture: (picture: Picture) => Promise<RegionFeatures>;

  constructor(options: ProcessorOptions) {
    super();
    requireOptions('VisualBertProcessor', options);
    requireProcessorOptions(options);
    this.tokenizer = options.tokenizer;
    this.task = options.task ?? 'plain';
    this.answers = options.answers ?? null;
    this.classCount = options.classCount ?? null;
    this.visualEmbeddingDim = options.visualEmbeddingDim ?? null;
    this.maxPositions = options.maxPositionEmbeddings ?? Infinity;
    this.maxLength = Math.min(options.maxLength ?? DEFAULT_MAX_LENGTH, this.maxPositions);
    this.maxRegions = options.maxRegions ?? Infinity;
    this.trainedWith = options.trainedWith ?? null;
    this.readPicture = this.pictureReader(options.detector);
  }

  /**
   * Loads the tokenizer (`tokenizer.json` or `vocab.txt` with the files next to it, as transformers' BertTokenizerFast reads them, else the
   * vocabulary of bert-base-uncased) and the answers (id2label of config.json, or a file).
   * @throws DataError when a file is damaged, the vocabulary is not of the size of the model's word table, or the answers are not those of the checkpoint
   */
  static async fromPretrained(dirOrId: string, options: LoadProcessorOptions = {}): Promise<VisualBertProcessor> {
    requireOptions('VisualBertProcessor.fromPretrained', options);
    return new VisualBertProcessor(await loadProcessor(dirOrId, options));
  }

  /**
   * Writes the tokenizer's files, unchanged, and processor_config.json into a model's folder; the answers are in its config's id2label.
   * @param options `trainedWith`: the detector of a newly trained model. Default: the processor's.
   */
  async savePretrained(folder: string, options: { trainedWith?: DetectorIdentity | null } = {}): Promise<void> {
    requireKinds('VisualBertProcessor.savePretrained', { 'a path': { folder }, 'an object': { options } });
    const { trainedWith = this.trainedWith } = options;
    await saveProcessor(folder, this.tokenizer.files, {
      task: this.task,
      max_length: this.maxLength,
      ...(Number.isFinite(this.maxRegions) ? { max_regions: this.maxRegions } : {}),
      ...(trainedWith === null ? {} : { detector: parseDetectorIdentity(trainedWith) }),
    });
  }

  /**
   * The same as calling the processor: `inputIds`, `attentionMask`, `tokenTypeIds` `[b, t] int32`; with regions `visualEmbeds [b, v, d]
   * float32`, `visualAttentionMask` and `visualTokenTypeIds` `[b, v] int32`. A single text gives b = 1.
   * @throws DataError when lists differ in length, widths do not fit, a task's text is blank, or a text is too long and may not be cut.
   */
  async process(inputs: ProcessorInputs): Promise<Record<string, RawTensor>> {
    requireKinds('VisualBertProcessor', { 'an object': { inputs } });
    const { padding = true, truncation, maxLength = this.maxLength } = inputs;
    const { texts, pairs } = textsOf(inputs);
    const encoded = await Promise.all(
      texts.map((text, i) => this.encodeText(text, pairs?.[i], { maxLength, ...defined({ truncation }) })),
    );
    if (padding === false && new Set(encoded.map(({ ids }) => ids.length)).size > 1) {
      throw new DataError(
        'padding: expected texts of one length without padding, received several; set padding to true',
      );
    }
    const regions = await (inputs.image === undefined ? regionsOfTexts(inputs) : this.detectRegions(inputs));
    const examples = encoded.map((text, i) => ({
      text,
      regions: (regions[i] ?? []).map((one) => this.fitRegions(one)),
    }));
    return this.collate(examples, {
      ...(padding === 'max_length' ? { textLength: maxLength } : {}),
      buckets: NO_BUCKETS,
    });
  }

  /** A function that finds the regions of pictures; warns if the model was trained with another detector. */
  pictureReader(detector: PictureDetector | undefined): (picture: Picture) => Promise<RegionFeatures> {
    const read = pictureReader(detector);
    if (detector?.name !== undefined) {
      const { name, pixels, config } = detector;
      const settings = config && { ...config };
      warnAboutDetector(this.trainedWith, { name, ...defined({ pixels, settings }) }, 'detector');
    }
    return read;
  }

  private detectRegions({ detector, ...inputs }: ProcessorInputs): Promise<RegionFeatures[][]> {
    return regionsOfPictures(inputs, detector === undefined ? this.readPicture : this.pictureReader(detector));
  }

  /**
   * Encodes a text (or a pair) in the form of the task, as word pieces with [CLS] and [SEP]; a long one is cut, but keeps its [MASK] slot. The
   * first cut is a warning, unless `truncation` is true.
   * A text of punctuation only, such as `?`, is valid: BERT has word pieces for it. With the task `plain`, texts are encoded as by
   * transformers' BertTokenizerFast: a blank one becomes [CLS] [SEP].
   * @throws DataError for a text of a task that is empty or blank.
   */
  async encodeText(
    text: string,
    pair?: string,
    options: { maxLength?: number; truncation?: boolean } = {},
  ): Promise<EncodedText> {
    requireKinds('encodeText', { 'an object': { options } });
    const { maxLength = this.maxLength, truncation } = options;
    const mayBeBlank = this.task === 'plain';
    requireText('text', text, mayBeBlank);
    if (pair !== undefined) requireText('textPair', pair, mayBeBlank);
    const limit = { maxLength: Math.min(maxLength, this.maxPositions), truncation };
    return encodeText(this.tokenizer, this.task, text, pair, limit);
  }

  /** Encodes a list of words, with the position of each word's last piece, at which a phrase that ends there is read. */
  async encodeWords(words: readonly string[]): Promise<{ text: EncodedText; lastPieces: number[] }> {
    requireKinds('encodeWords', { 'a list': { words } });
    return encodeWords(this.tokenizer, words, this.maxLength);
  }

  /** Regions for the model: at most `maxRegions`, in its width. */
  fitRegions(regions: RegionFeatures): RegionFeatures {
    requireKinds('fitRegions', { 'an object': { regions } });
    requireKinds('fitRegions', { 'an array of numbers': { features: regions.features } });
    const capped = firstRegions(regions, this.maxRegions);
    return this.visualEmbeddingDim === null ? capped : fitWidth(capped, this.visualEmbeddingDim);
  }

  /** Pads encoded examples to a batch of model inputs. */
  collate(
    examples: readonly EncodedExample[],
    options: { buckets: Buckets; textLength?: number },
  ): Record<string, RawTensor> {
    return padBatch(examples, { ...options, padId: this.tokenizer.special.pad, longestText: this.maxPositions });
  }

  /**
   * The best answers of each row of `[b, c]` (or `[c]`) logits, with their probabilities; `<unk>` is never returned.
   * @throws ConfigError when the checkpoint has no answers.
   */
  async decodeAnswers(logits: RawTensor | TensorLike, options: { topK?: number } = {}): Promise<DecodedAnswer[][]> {
    requireKinds('decodeAnswers', { 'an object': { logits, options } });
    const { topK = DEFAULT_TOP_K } = options;
    const { answers } = this;
    if (answers === null) throw noAnswerNames('decodeAnswers');
    const { shape, data } = await valuesOf(logits);
    const values = Float64Array.from(data);
    const c = shape.at(-1) ?? 0;
    const rows = c === 0 ? 0 : values.length / c;
    return Array.from({ length: rows }, (_, i) => answers.best(softmax(values.subarray(i * c, (i + 1) * c)), topK));
  }
}

/** @throws DataError for anything but a text, and for a blank one where it must not be: the model would answer anyway. */
function requireText(name: string, text: unknown, mayBeBlank: boolean): void {
  if (typeof text !== 'string' || (!mayBeBlank && text.trim() === ''))
    throw new DataError(`${name}: expected a text${mayBeBlank ? '' : ' that is not blank'}, received ${shown(text)}`);
}
