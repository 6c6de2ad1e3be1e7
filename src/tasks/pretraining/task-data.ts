// Pre-training on a task's own data, between the captions and the fine-tuning: masked words of VQA, NLVR2 and Flickr30k.
import { readNlvr2 } from '../../records/nlvr.js';
import { readFlickrEntities } from '../../records/flickr.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { vqaQuestionWords } from '../../processing/text-forms.js';
import { readVqaExamples } from '../../records/vqa.js';
import { ConfigError, DataError } from '../../errors.js';
import type { Dataset } from '../../training/task.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { FlickrOptions, Nlvr2Options, VqaOptions } from '../shared/options.js';
import { type Composition, createPretrainingTask, type PretrainingRecord } from './masked-language-task.js';
import {
  approximateLength,
  fingerprintOf,
  newModelFields,
  requireImages,
  type TaskExample,
  taskProcessor,
  taskRegions,
} from '../shared/task-parts.js';

/** A text of a task with its images. */
interface TextRecord extends PretrainingRecord {
  /** All that it may be composed of, for its length and its fingerprint. */
  full: string;
  compose(random: () => number): Composition;
}

type Opened = Promise<OpenedTask<TaskExample<TextRecord>>>;

/** Question, `?` and one annotator's answer; masked words only. Differs: the authors' code puts spaces between the letters of the answer. */
export async function openVqaPretraining(options: VqaOptions, context: TaskContext): Opened {
  const read = async (
    questions: readonly string[],
    annotations: readonly string[] | undefined,
  ): Promise<TextRecord[]> =>
    (await readVqaExamples(questions, annotations)).map(({ questionId, imageId, question, annotation }) => {
      const words = `${vqaQuestionWords(question)} ?`;
      const answers = annotation?.answers.map(({ answer }) => answer) ?? [];
      if (answers.length === 0)
        throw new ConfigError(`task vqa-pretraining: question ${questionId} has no answers; give the annotations`);
      const compose = (random: () => number): Composition => ({
        text: `${words} ${answers[Math.floor(random() * answers.length)]}`,
      });
      return { key: questionId, imageIds: [imageId], full: `${words} ${answers.join(' ')}`, compose };
    });
  const { validationQuestions, validationAnnotations } = options;
  const validation = validationQuestions === undefined ? null : await read(validationQuestions, validationAnnotations);
  return openTexts('vqa-pretraining', await read(options.questions, options.annotations), validation, options, context);
}

/** The statement; masked words, and whether it is true of the pair. */
export async function openNlvr2Pretraining(options: Nlvr2Options, context: TaskContext): Opened {
  const read = async (paths: readonly string[]): Promise<TextRecord[]> =>
    (await Promise.all(paths.map(readNlvr2))).flat().map(({ identifier, sentence, label, imageIds }) => ({
      key: identifier,
      imageIds,
      full: `${sentence} ${String(label)}`,
      compose: () => ({ text: sentence, ...(label === null ? {} : { matches: label }) }),
    }));
  const validation = options.validationData === undefined ? null : await read(options.validationData);
  return openTexts('nlvr2-pretraining', await read(options.data), validation, options, context);
}

/** The sentence; masked words only. */
export async function openFlickrPretraining(options: FlickrOptions, context: TaskContext): Opened {
  const read = async (split: string): Promise<TextRecord[]> =>
    (await readFlickrEntities(options.entities, split)).map(({ id, imageId, words }) => {
      const text = words.join(' ');
      return { key: id, imageIds: [imageId], full: text, compose: () => ({ text }) };
    });
  const validation = options.validationSplit === undefined ? null : await read(options.validationSplit);
  return openTexts(
    'flickr-pretraining',
    await read(options.split),
    validation,
    options,
    context,
    options.places ? 6 : 0,
  );
}

async function openTexts(
  name: string,
  records: readonly TextRecord[],
  validation: readonly TextRecord[] | null,
  options: VqaOptions | Nlvr2Options | FlickrOptions,
  context: TaskContext,
  placeDim = 0,
): Opened {
  if (context.purpose === 'predict')
    throw new ConfigError(`task ${name}: there is nothing to predict; train or evaluate it`);
  return openedWith(await taskRegions(options.features, options, context), async (source) => {
    const width = source.dim + placeDim;
    const withoutAnswers = { ...options, answers: undefined };
    const processor = await taskProcessor(
      'pretraining',
      withoutAnswers,
      context,
      () => records.map(({ full }) => full),
      width,
    );
    return {
      task: createPretrainingTask<TextRecord>({ name, processor, compose: (record, random) => record.compose(random) }),
      modelClass: 'VisualBertForPreTraining',
      processor,
      data: textDataset(records, processor, source),
      validation: validation === null ? null : textDataset(validation, processor, source.validation),
      config: newModelFields(processor, width, context),
      createPredictions: () => {
        throw new ConfigError(`task ${name}: there is nothing to predict`);
      },
      close: () => source.close(),
    };
  });
}

function textDataset(
  records: readonly TextRecord[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<TaskExample<TextRecord>> {
  requireImages(
    source,
    records.map(({ key, imageIds }) => [`example ${key}`, imageIds] as const),
  );
  return {
    length: records.length,
    fingerprint: fingerprintOf(records.map(({ key, imageIds, full }) => `${key} ${imageIds.join(' ')} ${full}`)),
    example: async (index) => {
      const record = records[index];
      if (record === undefined) throw new DataError(`example ${index}: the data set has ${records.length}`);
      const regions = await Promise.all(record.imageIds.map((id) => source.read(id)));
      return { record, text: { ids: [], typeIds: [] }, images: regions.map((one) => processor.fitRegions(one)) };
    },
    sizeOf: (index) => {
      const { full = '', imageIds = [] } = records[index] ?? {};
      const counts = imageIds.map((id) => Math.min(source.countOf?.(id) ?? 0, processor.maxRegions));
      return { text: approximateLength(full), regions: counts.reduce((sum, count) => sum + count, 0) };
    },
  };
}
