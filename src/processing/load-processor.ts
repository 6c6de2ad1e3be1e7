// The files of a processor next to a model: tokenizer, answers and settings, read and written.
import { counted } from '../words.js';
import {
  createTokenizer,
  exists,
  fileName,
  folderOf,
  hubFile,
  joinPath,
  readText,
  removeFile,
  writeTextAtomic,
} from '#platform';
import { ConfigError, DataError, errorMessage } from '../errors.js';
import { type DetectorIdentity, parseDetectorIdentity } from '../features/detector-identity.js';
import { warnOnce } from '../logger.js';
import { publishedCheckpoint } from '../config/published-checkpoints.js';
import { jsonText, readJsonObject } from '../platform/json-file.js';
import { locatePretrained, type PretrainedFiles, type PretrainedSource } from '../platform/locate.js';
import { withVocabulary } from '../platform/tokenizers/tokenizer-definition.js';
import {
  PROCESSOR_FILE,
  TOKENIZER_FILES,
  type TextTokenizer,
  type TokenizerFiles,
} from '../platform/tokenizers/text-tokenizer.js';
import {
  AnswerVocabulary,
  areUnnamed,
  isAuthorsVqaHead,
  parseAnswers,
  requireAuthorsAnswers,
  requireNamedAnswers,
  type VqaHeadTraits,
  warnAboutAnswerOrder,
} from './answer-vocabulary.js';
import type { LoadProcessorOptions, ProcessorOptions } from './processor-options.js';
import { defined, shown } from '../options.js';

const DEFAULT_VOCABULARY = 'bert-base-uncased';

/** Word tables may be padded by less than this, to a multiple of 8, for faster kernels. */
const LARGEST_PADDING = 128;

type Json = Record<string, unknown>;

/**
 * Reads the options of a processor. A model without a vocabulary gets that of bert-base-uncased.
 * @throws DataError for damaged files, a vocabulary of another size than the model's table, and answers of another head
 */
export async function loadProcessor(
  where: PretrainedSource,
  { answers, vocabulary, task, defaultTask, maxLength, maxRegions, detector, ...location }: LoadProcessorOptions,
): Promise<ProcessorOptions> {
  const files = await locatePretrained(where, location);
  const config = await readJson(files, 'config.json');
  const settings = await readJson(files, PROCESSOR_FILE);
  const own = await tokenizerFiles(files);
  const hasOwn = own['vocab.txt'] !== undefined || own['tokenizer.json'] !== undefined;
  let chosen = own;
  if (vocabulary !== undefined) chosen = withVocabulary(own, await readText(vocabulary), files.name);
  else if (!hasOwn) chosen = { ...own, 'vocab.txt': await defaultVocabulary(files.name, location) };
  const tokenizer = createTokenizer(chosen, files.name);
  const name = vocabulary ?? (hasOwn ? files.name : DEFAULT_VOCABULARY);
  requireVocabularySize(tokenizer, config['vocab_size'], name, files.name, hasOwn && vocabulary === undefined);
  const usual = <T>(value: T | undefined, key: string): T | undefined => value ?? (settings[key] as T | undefined);
  return {
    tokenizer,
    answers: answers === undefined ? answersOf(config) : await loadAnswers(answers, config),
    classCount: classCountOf(config),
    visualEmbeddingDim: (config['visual_embedding_dim'] as number | undefined) ?? null,
    maxPositionEmbeddings: (config['max_position_embeddings'] as number | undefined) ?? null,
    trainedWith: parseDetectorIdentity(settings['detector']) ?? publishedDetector(files.where),
    ...defined({
      task: usual(task, 'task') ?? defaultTask,
      maxLength: usual(maxLength, 'max_length'),
      maxRegions: usual(maxRegions, 'max_regions'),
      detector,
    }),
  };
}

/**
 * The detector whose regions a checkpoint was trained with: stated in its processor_config.json, else in the table of published checkpoints.
 * Null when it is in neither.
 */
export async function readTrainedDetector(
  where: PretrainedSource,
  location: Pick<LoadProcessorOptions, 'revision' | 'cacheDir' | 'token' | 'localFilesOnly' | 'subfolder'> = {},
): Promise<DetectorIdentity | null> {
  const files = await locatePretrained(where, location);
  const settings = await readJson(files, PROCESSOR_FILE);
  return parseDetectorIdentity(settings['detector']) ?? publishedDetector(files.where);
}

function publishedDetector(where: string): DetectorIdentity | null {
  const published = publishedCheckpoint(where);
  return published === null ? null : { name: published.detector };
}

/** The tokenizer of a vocabulary file for a new model; a vocab.txt uses the other tokenizer files of its folder. */
export async function loadVocabulary(path: string): Promise<TextTokenizer> {
  const files: Partial<Record<string, string>> = { 'vocab.txt': await readText(path) };
  if (fileName(path) === 'vocab.txt') {
    for (const file of ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json']) {
      const adjacent = joinPath(folderOf(path), file);
      if (await exists(adjacent)) files[file] = await readText(adjacent);
    }
  }
  return createTokenizer(files, folderOf(path));
}

/**
 * Writes a processor's files into a folder: those of the tokenizer byte for byte, and processor_config.json. Tokenizer files of another
 * vocabulary are removed from the folder, since they would be read.
 */
export async function saveProcessor(folder: string, files: TokenizerFiles, settings: Json): Promise<void> {
  const write = (file: string, text: string): Promise<void> => writeTextAtomic(joinPath(folder, file), text);
  const onlyVocabulary = TOKENIZER_FILES.every((file) => file === 'vocab.txt' || files[file] === undefined);
  const written = onlyVocabulary
    ? { ...files, 'tokenizer_config.json': jsonText({ tokenizer_class: 'BertTokenizer', do_lower_case: true }) }
    : files;
  for (const file of TOKENIZER_FILES) {
    const text = written[file];
    await (text === undefined ? removeFile(joinPath(folder, file)) : write(file, text));
  }
  await write(PROCESSOR_FILE, jsonText({ processor_class: 'VisualBertProcessor', ...settings }));
}

async function tokenizerFiles({ find }: PretrainedFiles): Promise<TokenizerFiles> {
  const files: Partial<Record<(typeof TOKENIZER_FILES)[number], string>> = {};
  for (const file of TOKENIZER_FILES) {
    const path = await find(file);
    if (path !== null) files[file] = await readText(path);
  }
  return files;
}

async function readJson(files: PretrainedFiles, file: string): Promise<Json> {
  return (await readJsonObject(files, file, DataError)) ?? {};
}

async function defaultVocabulary(
  name: string,
  location: Pick<LoadProcessorOptions, 'cacheDir' | 'token'>,
): Promise<string> {
  const asked = { ...location, subfolder: '', revision: 'main' };
  const path = await hubFile(DEFAULT_VOCABULARY, 'vocab.txt', asked).catch((error: unknown) => {
    throw new DataError(
      `${name}: has no vocab.txt and no tokenizer.json, and the vocabulary of ${DEFAULT_VOCABULARY} cannot be read (${errorMessage(error)}); ` +
        'put the vocab.txt that the model was trained with into its folder',
      { cause: error },
    );
  });
  if (path === null)
    throw new DataError(`${name}: expected a vocab.txt, found none, and none of ${DEFAULT_VOCABULARY}`);
  return readText(path);
}

/**
 * Compares a vocabulary with the rows of the model's word table. The model's own may have fewer pieces than the table has rows, if the
 * others pad the table to a multiple of 8.
 * @throws DataError naming both sizes
 */
function requireVocabularySize(
  { vocabularySize: pieces }: TextTokenizer,
  rows: unknown,
  name: string,
  model: string,
  isOwn: boolean,
): void {
  if (typeof rows !== 'number' || rows === pieces) return;
  const sizes = `${name}: the vocabulary has ${pieces} pieces, the word table of ${model} has ${rows} rows (vocab_size)`;
  if (isOwn && rows > pieces && rows % 8 === 0 && rows - pieces < LARGEST_PADDING)
    return warnOnce(`${sizes}; the last ${rows - pieces} rows count as padding`);
  throw new DataError(
    `${sizes}; give the vocabulary that the model was trained with: its vocab.txt or tokenizer.json next to the model, or --vocabulary`,
  );
}

/** Names of classes by number; null where config.json has none. @throws DataError */
function labelsOf(config: Json): Record<string, string> | null {
  const labels = config['id2label'] ?? null;
  if (labels === null) return null;
  const isTable = typeof labels === 'object' && !Array.isArray(labels);
  if (!isTable)
    throw new DataError(`config.json: expected id2label as an object of names, found ${JSON.stringify(labels)}`);
  return labels as Record<string, string>;
}

/** The answers that a config.json names, null when it names none. */
function answersOf(config: Json): AnswerVocabulary | null {
  const labels = labelsOf(config);
  if (labels === null || areUnnamed(labels)) return null;
  return parseAnswers(JSON.stringify(labels), 'config.json id2label');
}

function classCountOf(config: Json): number | null {
  const labels = labelsOf(config);
  return labels === null ? null : Object.keys(labels).length;
}

/** Missing sizes default to those of transformers' VisualBertConfig. */
function headTraits(config: Json): VqaHeadTraits {
  return {
    id2label: labelsOf(config) ?? {},
    visualEmbeddingDim: (config['visual_embedding_dim'] as number | undefined) ?? 512,
    hiddenSize: (config['hidden_size'] as number | undefined) ?? 768,
    numHiddenLayers: (config['num_hidden_layers'] as number | undefined) ?? 12,
  };
}

/** The answers of a file or a list, compared with the head. */
async function loadAnswers(given: string | readonly string[], config: Json): Promise<AnswerVocabulary> {
  const name = typeof given === 'string' ? given : 'answers';
  const answers = typeof given === 'string' ? await readAnswers(given) : listedAnswers(given);
  const classes = classCountOf(config);
  if (isAuthorsVqaHead(headTraits(config))) requireAuthorsAnswers(answers, name);
  if (classes !== null && classes !== answers.size) {
    throw new DataError(
      `${name}: expected answers for ${counted(classes, 'class', 'classes')}, received ${counted(answers.size, 'answer')}; use the list that the model was trained with`,
    );
  }
  const labels = labelsOf(config) ?? {};
  requireNamedAnswers(answers, labels, name);
  warnAboutAnswerOrder(answers, labels, name);
  return answers;
}

async function readAnswers(path: string): Promise<AnswerVocabulary> {
  const text = await readText(path).catch((error: unknown) => {
    throw new DataError(`answers: ${errorMessage(error)}`, { cause: error });
  });
  return parseAnswers(text, path);
}

/** @throws ConfigError for anything but a list of texts */
function listedAnswers(given: unknown): AnswerVocabulary {
  if (Array.isArray(given) && given.every((answer) => typeof answer === 'string'))
    return new AnswerVocabulary(given as readonly string[]);
  throw new ConfigError(`answers: expected the path of a file, or a list of texts, received ${shown(given)}`);
}
