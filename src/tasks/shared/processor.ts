// The processor of a task, and the settings of a new model from its data.
import { createTokenizer } from '#platform';
import type { VisualBertConfigOptions } from '../../config/config.js';
import { loadVocabulary } from '../../processing/load-processor.js';
import { VisualBertProcessor } from '../../processing/processor.js';
import type { TextFormName } from '../../processing/text-forms.js';
import { buildVocabulary } from '../../processing/word-vocabulary.js';
import type { TaskContext } from './opened-task.js';
import type { CommonOptions } from './options.js';

/**
 * The processor of a task: with the model's vocabulary, a given one, or one built from the texts.
 * @param visualEmbeddingDim width of a new model's regions, if it differs from the features'.
 */
export async function taskProcessor(
  task: TextFormName,
  options: CommonOptions & { answers?: string | undefined },
  { model, purpose, maxPositionEmbeddings = Infinity }: TaskContext,
  texts: () => Iterable<string>,
  visualEmbeddingDim?: number,
): Promise<VisualBertProcessor> {
  const settings = {
    task,
    maxLength: options.maxTextLength,
    ...(options.maxRegions === undefined ? {} : { maxRegions: options.maxRegions }),
  };
  if (model !== null) {
    return VisualBertProcessor.fromPretrained(model, {
      ...settings,
      ...(options.vocabulary === undefined ? {} : { vocabulary: options.vocabulary }),
      // do not compare the list of new answers with a head that will be replaced
      ...(purpose === 'train' || options.answers === undefined ? {} : { answers: options.answers }),
    });
  }
  const tokenizer =
    options.vocabulary === undefined
      ? createTokenizer({ 'vocab.txt': `${buildVocabulary(texts()).join('\n')}\n` })
      : await loadVocabulary(options.vocabulary);
  const width = visualEmbeddingDim === undefined ? {} : { visualEmbeddingDim };
  return new VisualBertProcessor({ tokenizer, ...settings, ...width, maxPositionEmbeddings });
}

/** Settings of a new model from the data; a loaded model has its own vocabulary and width. */
export function newModelFields(
  processor: VisualBertProcessor,
  dim: number,
  { model }: TaskContext,
): VisualBertConfigOptions {
  return model === null ? { vocabSize: processor.tokenizer.vocabularySize, visualEmbeddingDim: dim } : {};
}
