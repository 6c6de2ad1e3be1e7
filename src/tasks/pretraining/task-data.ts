// Pre-training on a task's data, after captions and before fine-tuning: masked words of VQA, NLVR2 and Flickr30k.
import { approximateLength } from '../../processing/approximate-length.js';
import { readNlvr2 } from '../../records/nlvr.js';
import { readFlickrEntities } from '../../records/flickr.js';
import { vqaQuestionWords } from '../../processing/text-forms.js';
import { ConfigError } from '../../errors.js';
import { readVqaSplits } from '../answering/vqa.js';
import { BOX_DIM } from '../grounding/grounding.js';
import { mapSplits, readAll, readSplits, type Splits, type TaskExample } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { FlickrOptions, Nlvr2Options, VqaOptions } from '../shared/options.js';
import type { Composition, PretrainingRecord } from './masked-language-task.js';
import { openMaskedTexts } from './masked-texts.js';

/** A text of a task with its images. */
interface TextRecord extends PretrainingRecord {
  /** All its parts, for its length and fingerprint. */
  full: string;
  compose(random: () => number): Composition;
}

type Opened = Promise<OpenedTask<TaskExample<TextRecord>>>;

/** Question, `?` and one annotator's answer; masked words only. Differs: the authors' code puts spaces between the letters of the answer. */
export async function openVqaPretraining(options: VqaOptions, context: TaskContext): Opened {
  const texts = mapSplits(await readVqaSplits(options), (examples) =>
    examples.map(({ questionId, imageId, question, annotation }): TextRecord => {
      const words = `${vqaQuestionWords(question)} ?`;
      const answers = annotation?.answers.map(({ answer }) => answer) ?? [];
      if (answers.length === 0)
        throw new ConfigError(`task vqa-pretraining: question ${questionId} has no answers; give the annotations`);
      const compose = (random: () => number): Composition => ({
        text: `${words} ${answers[Math.floor(random() * answers.length)]}`,
      });
      return { key: questionId, imageIds: [imageId], full: `${words} ${answers.join(' ')}`, compose };
    }),
  );
  return openTexts('vqa-pretraining', texts, options, context);
}

/** The statement; masked words, and whether it is true of the pair. */
export async function openNlvr2Pretraining(options: Nlvr2Options, context: TaskContext): Opened {
  const statements = await readSplits((paths) => readAll(paths, readNlvr2), options.data, options.validationData);
  const texts = mapSplits(statements, (all) =>
    all.map(({ identifier, sentence, label, imageIds }): TextRecord => ({
      key: identifier,
      imageIds,
      full: `${sentence} ${String(label)}`,
      compose: () => ({ text: sentence, ...(label === null ? {} : { matches: label }) }),
    })),
  );
  return openTexts('nlvr2-pretraining', texts, options, context);
}

/** The sentence; masked words only. */
export async function openFlickrPretraining(options: FlickrOptions, context: TaskContext): Opened {
  const { entities, split, validationSplit, places } = options;
  const sentences = await readSplits((list: string) => readFlickrEntities(entities, list), split, validationSplit);
  const texts = mapSplits(sentences, (all) =>
    all.map(({ id, imageId, words }): TextRecord => {
      const text = words.join(' ');
      return { key: id, imageIds: [imageId], full: text, compose: () => ({ text }) };
    }),
  );
  return openTexts('flickr-pretraining', texts, options, context, places ? BOX_DIM : 0);
}

function openTexts(
  name: string,
  texts: Splits<TextRecord>,
  options: VqaOptions | Nlvr2Options | FlickrOptions,
  context: TaskContext,
  appendedDim = 0,
): Opened {
  return openMaskedTexts<TextRecord>(
    {
      name,
      appendedDim,
      compose: (record, random) => record.compose(random),
      fullText: ({ full }) => full,
      record: {
        name: ({ key }) => `example ${key}`,
        fingerprint: ({ key, imageIds, full }) => `${key} ${imageIds.join(' ')} ${full}`,
        textLength: ({ full }) => approximateLength(full),
      },
    },
    texts,
    options,
    context,
  );
}
