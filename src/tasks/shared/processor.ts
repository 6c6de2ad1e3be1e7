// The processor of a task, and what the data say about a new model.
import { createTokenizer } from '#platform';
import type { VisualBertConfigOptions } from '../../config/config.js';
import { loadVocabulary } from '../../processing/load-processor.js';
import { VisualBertProcessor } from '../../processing/processor.js';
import type { TaskName } from '../../processing/text-forms.js';
import { buildVocabulary } from '../../processing/word-vocabulary.js';
import type { TaskContext } from './opened-task.js';
import type { CommonOptions } from './options.js';

/**
 * The processor of a task: with the model's vocabulary, a given one, or one built from the texts.
 * @param visualEmbeddingDim width that a new model projects, where it is not that of the features.
 */
export async function taskProcessor(
  task: TaskName,
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
      // A head that is about to be replaced must not hold the list of its new answers against its old size.
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

/** What the data say about a new model; of a loaded one the vocabulary and the width are given. */
export function newModelFields(
  processor: VisualBertProcessor,
  dim: number,
  { model }: TaskContext,
): VisualBertConfigOptions {
  return model === null ? { vocabSize: processor.tokenizer.vocabularySize, visualEmbeddingDim: dim } : {};
}
