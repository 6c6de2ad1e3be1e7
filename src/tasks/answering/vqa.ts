// Visual question answering: soft scores over a list of answers, the official accuracy, result.json.
import { readText, writeTextAtomic } from '#platform';
import {
  type AnswerVocabulary,
  buildAnswers,
  parseAnswers,
  requireAuthorsAnswers,
} from '../../processing/answer-vocabulary.js';
import { DEFAULT_BUCKETS } from '../../processing/batch.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { scoreVqa, vqaAnswerAccuracy } from '../../metrics/vqa.js';
import { readVqaExamples, type VqaExample } from '../../records/vqa.js';
import { ConfigError, DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { Dataset, ExampleNote, Metric, Task } from '../../training/task.js';
import { notedAnswers, notedImages } from '../shared/notes.js';
import type { OpenedTask, PredictionWriter, Purpose, TaskContext } from '../shared/opened-task.js';
import type { VqaOptions } from '../shared/options.js';
import {
  inPlace,
  newModelFields,
  questionDataset,
  type TaskExample,
  taskProcessor,
  taskRegions,
} from '../shared/task-parts.js';

export type VqaTaskExample = TaskExample<VqaExample>;

/**
 * Opens VQA data for training, evaluation or prediction.
 * @throws ConfigError when annotations or answers are lacking; DataError naming the record that does not fit.
 */
export async function openVqa(options: VqaOptions, context: TaskContext): Promise<OpenedTask<VqaTaskExample>> {
  const examples = await readVqaExamples(options.questions, options.annotations);
  if (context.purpose !== 'predict' && examples.some(({ annotation }) => annotation === null)) {
    throw new ConfigError(`task vqa: to ${context.purpose}, give the annotations of the questions (--annotations)`);
  }
  const validationExamples =
    options.validationQuestions === undefined
      ? null
      : await readVqaExamples(options.validationQuestions, options.validationAnnotations);
  const processor = await taskProcessor('vqa', options, context, () => examples.map(({ question }) => question));
  const answers = await chooseAnswers(options, context, processor, examples);
  return openedWith(await taskRegions(options.features, options, context), (source) => ({
    task: createVqaTask(processor, answers, context.purpose),
    modelClass: 'VisualBertForQuestionAnswering',
    processor,
    data: vqaDataset(examples, processor, source),
    validation: validationExamples === null ? null : vqaDataset(validationExamples, processor, source.validation),
    config: {
      id2label: Object.fromEntries(answers.answers.map((answer, i) => [i, answer])),
      ...newModelFields(processor, source.dim, context),
    },
    createPredictions: () => createVqaPredictions(answers),
    close: () => source.close(),
  }));
}

/** The answers: a file, else those of the model, else built from the training data. */
async function chooseAnswers(
  options: VqaOptions,
  { purpose, model }: TaskContext,
  processor: VisualBertProcessor,
  examples: readonly VqaExample[],
): Promise<AnswerVocabulary> {
  if (processor.answers !== null && (options.answers === undefined || purpose !== 'train')) return processor.answers;
  const unnamedHead = processor.classCount !== null && processor.answers === null;
  if (options.answers === undefined && (purpose !== 'train' || unnamedHead)) {
    throw new ConfigError(
      `${model ?? 'model'}: its config.json names no answers; give the list it was trained with (--answers answers_vqa.txt for the uclanlp VQA model)`,
    );
  }
  if (options.answers !== undefined) {
    const answers = parseAnswers(await readText(options.answers), options.answers);
    if (unnamedHead && processor.classCount === answers.size) requireAuthorsAnswers(answers, options.answers);
    return answers;
  }
  return buildAnswers(
    examples.flatMap(({ annotation }) => (annotation === null ? [] : [annotation])),
    { minimumCount: options.minimumAnswerCount },
  );
}

function vqaDataset(
  records: readonly VqaExample[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<VqaTaskExample> {
  return questionDataset(records, processor, source, {
    name: ({ questionId }) => `question ${questionId}`,
    fingerprint: ({ questionId, imageId, question, annotation }) =>
      `${questionId} ${imageId} ${question} ${annotation?.answers.map(({ answer }) => answer).join('|') ?? ''}`,
  });
}

/** Batches with soft scores `labels [b, c] float32`; the official accuracy. */
export function createVqaTask(
  processor: VisualBertProcessor,
  answers: AnswerVocabulary,
  purpose: Purpose,
): Task<VqaTaskExample> {
  return {
    name: 'vqa',
    primaryMetric: 'accuracy',
    greaterIsBetter: true,
    collate: async (examples) => {
      const inputs = processor.collate(examples, { buckets: DEFAULT_BUCKETS });
      const labels = softLabels(examples, answers);
      return { inputs: labels === null ? inputs : { ...inputs, labels }, count: examples.length };
    },
    createMetric: () => createVqaMetric(answers, purpose === 'evaluate'),
    describe: (examples, outputs) => {
      const { data } = logitsOf(outputs);
      return examples.map((example, i) =>
        noteOf(example, answers, data.subarray(i * answers.size, (i + 1) * answers.size)),
      );
    },
  };
}

function softLabels(examples: readonly VqaTaskExample[], answers: AnswerVocabulary): RawTensor | null {
  if (examples.some(({ record }) => record.annotation === null)) return null;
  const data = new Float32Array(examples.length * answers.size);
  examples.forEach(({ record }, i) => {
    data.set(answers.softScores(record.annotation?.answers.map(({ answer }) => answer) ?? []), i * answers.size);
  });
  return { dtype: 'float32', shape: [examples.length, answers.size], data };
}

/** One example with its most likely answers. */
function noteOf({ record, images }: VqaTaskExample, answers: AnswerVocabulary, logits: RawTensor['data']): ExampleNote {
  const { predicted, scores } = notedAnswers(answers, logits);
  const { questionId, imageId, question, annotation } = record;
  return {
    id: questionId,
    text: question,
    expected: annotation?.usualAnswer ?? '',
    predicted,
    scores,
    correct: annotation === null ? 0 : vqaAnswerAccuracy(annotation, predicted),
    images: notedImages([imageId], images),
  };
}

function logitsOf(outputs: Record<string, RawTensor>): RawTensor {
  const logits = outputs['logits'];
  if (logits === undefined)
    throw new DataError(`task vqa: expected the output logits, received ${Object.keys(outputs).join(', ')}`);
  return logits;
}

/** The best answer of each example. */
function predictedAnswers(
  examples: readonly VqaTaskExample[],
  outputs: Record<string, RawTensor>,
  answers: AnswerVocabulary,
): [VqaTaskExample, string][] {
  const logits = logitsOf(outputs);
  const c = logits.data.length / examples.length;
  return examples.map((example, i) => [
    example,
    answers.best(logits.data.subarray(i * c, (i + 1) * c))[0]?.answer ?? '',
  ]);
}

/** Percentages of the official tool: `accuracy`, `accuracy (<answer type>)`, and when `byQuestionType` `accuracy "<question type>"`. */
function createVqaMetric(answers: AnswerVocabulary, byQuestionType: boolean): Metric<VqaTaskExample> {
  const annotations: NonNullable<VqaExample['annotation']>[] = [];
  const predictions = new Map<string, string>();
  return {
    update: (examples, outputs) => {
      for (const [{ record }, answer] of predictedAnswers(examples, outputs, answers)) {
        if (record.annotation === null) continue;
        const questionId = String(annotations.length); // questions of several files may share ids
        annotations.push({ ...record.annotation, questionId });
        predictions.set(questionId, answer);
      }
    },
    compute: () => {
      if (annotations.length === 0) return {};
      const { overall, perAnswerType, perQuestionType } = scoreVqa(annotations, predictions);
      const named = (scores: Record<string, number>, left: string, right: string): [string, number][] =>
        Object.entries(scores).map(([type, score]) => [`accuracy ${left}${type}${right}`, score]);
      return {
        accuracy: overall,
        ...Object.fromEntries(named(perAnswerType, '(', ')')),
        ...(byQuestionType ? Object.fromEntries(named(perQuestionType, '"', '"')) : {}),
      };
    },
  };
}

/** `result.json` of the VQA evaluation server: `[{ question_id, answer }]`. */
function createVqaPredictions(answers: AnswerVocabulary): PredictionWriter<VqaTaskExample> {
  const results: { question_id: number | string; answer: string }[] = [];
  return {
    update: (examples, outputs) => {
      for (const [{ record }, answer] of predictedAnswers(examples, outputs, answers)) {
        // The server compares numbers; ids of other data sets stay texts.
        const id = /^(0|[1-9]\d{0,14})$/.test(record.questionId) ? Number(record.questionId) : record.questionId;
        results.push({ question_id: id, answer });
      }
    },
    write: (path, places) => writeTextAtomic(path, `${JSON.stringify(inPlace(results, places))}\n`),
  };
}
