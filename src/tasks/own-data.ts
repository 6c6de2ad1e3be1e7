// Tasks over one's own JSON lines: classification (one image or a pair), answering with soft scores, grounding of phrases.
import { readText, writeTextAtomic } from '#platform';
import { AnswerVocabulary, parseAnswers } from '../processing/answer-vocabulary.js';
import { DEFAULT_BUCKETS } from '../processing/batch.js';
import { type AnsweringRecord, type ClassificationRecord, readOwnRecords } from '../records/own.js';
import type { VisualBertProcessor } from '../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../features/region-features.js';
import { ConfigError, DataError } from '../errors.js';
import type { RawTensor } from '../raw-tensor.js';
import type { Dataset } from '../training/task.js';
import {
  type ClassificationJudge,
  classificationTask,
  type ClassifiedExample,
  type ClassifiedText,
} from './classification/classification-task.js';
import { type GroundingExample, openPhrases, requirePhrases } from './grounding/grounding.js';
import { notedAnswers, notedImages } from './shared/notes.js';
import type { OpenedTask, TaskContext } from './shared/opened-task.js';
import type { AnsweringOptions, ClassificationOptions, GroundingOptions } from './shared/options.js';
import {
  inPlace,
  newModelFields,
  questionDataset,
  type TaskExample,
  taskProcessor,
  taskRegions,
} from './shared/task-parts.js';

const all = async <T>(paths: readonly string[], read: (path: string) => Promise<T[]>): Promise<T[]> =>
  (await Promise.all(paths.map(read))).flat();

/** Opens own classification data. The classes are those of the model, else the labels of the data in order of the alphabet. */
export async function openClassification(
  options: ClassificationOptions,
  context: TaskContext,
): Promise<OpenedTask<ClassifiedExample<ClassifiedText>>> {
  const read = (paths: readonly string[]): Promise<ClassificationRecord[]> =>
    all(paths, (path) => readOwnRecords('classification', path));
  const data = await read(options.data);
  const validation = options.validationData === undefined ? null : await read(options.validationData);
  const processor = await taskProcessor('plain', options, context, () =>
    data.flatMap(({ text, textPair = '' }) => [text, textPair]),
  );
  const labels = [...new Set(data.flatMap(({ label }) => (label === null ? [] : [label])))].sort();
  const classes = context.purpose === 'train' ? labels : processor.answers?.answers;
  if (classes === undefined)
    throw new ConfigError(`${context.model ?? 'model'}: its config.json names no classes (id2label)`);
  if (classes.length < 2)
    throw new DataError(`task classification: expected two labels at least, found ${labels.join(', ') || 'none'}`);
  const classed = (records: readonly ClassificationRecord[]): ClassifiedText[] =>
    records.map(({ label, ...record }) => {
      const classIndex = label === null ? null : classes.indexOf(label);
      if (classIndex === -1)
        throw new DataError(
          `record ${record.id}: label ${label} is none of the classes ${classes.slice(0, 10).join(', ')}`,
        );
      return { ...record, classIndex };
    });
  const parts = { name: 'classification', classes, processor, context, judge: classJudge(classes) };
  const records = classed(data);
  const validated = validation === null ? null : classed(validation);
  return openedWith(await taskRegions(options.features, options, context), (source) =>
    classificationTask({ ...parts, records, validation: validated, source }),
  );
}

/** Accuracy, and the recall of each class when there are few; `{ id, label, scores }` lines. */
function classJudge(classes: readonly string[]): ClassificationJudge<ClassifiedText> {
  return {
    figures: (records, predicted) => {
      const share = (members: readonly number[]): number =>
        (100 * members.filter((i) => predicted[i] === records[i]?.classIndex).length) / members.length;
      const everyone = [...records.keys()];
      const byClass = classes.map(
        (label, c) => [`recall (${label})`, everyone.filter((i) => records[i]?.classIndex === c)] as const,
      );
      const recalls = byClass
        .filter(([, members]) => members.length > 0)
        .map(([name, members]) => [name, share(members)]);
      return {
        accuracy: share(everyone),
        ...(classes.length <= 20 ? (Object.fromEntries(recalls) as Record<string, number>) : {}),
      };
    },
    write: (path, records, predicted, probabilities) =>
      writeTextAtomic(
        path,
        records
          .map(({ id }, i) => {
            const scores = Object.fromEntries(
              classes.map((label, c) => [label, Number(probabilities[i]?.[c]?.toFixed(6))]),
            );
            return `${JSON.stringify({ id, label: classes[predicted[i] as number], scores })}\n`;
          })
          .join(''),
      ),
  };
}

/** Opens own questions with soft answers. The answers are a file, those of the model, else those of the data. */
export async function openAnswering(
  options: AnsweringOptions,
  context: TaskContext,
): Promise<OpenedTask<TaskExample<AnsweringRecord>>> {
  const read = (paths: readonly string[]): Promise<AnsweringRecord[]> =>
    all(paths, (path) => readOwnRecords('answering', path));
  const data = await read(options.data);
  const bare = data.find(({ scores }) => scores === null);
  if (context.purpose !== 'predict' && bare !== undefined) {
    throw new ConfigError(`task answering: to ${context.purpose}, every record needs answers; ${bare.id} has none`);
  }
  const validation = options.validationData === undefined ? null : await read(options.validationData);
  const processor = await taskProcessor('vqa', options, context, () => data.map(({ question }) => question));
  const answers = await chooseAnswers(options, context, processor, data);
  const scoreOf = ({ scores }: AnsweringRecord, answer: string): number => scores?.get(answer) ?? 0;
  return openedWith(await taskRegions(options.features, options, context), (source) => ({
    task: {
      name: 'answering',
      primaryMetric: 'accuracy',
      greaterIsBetter: true,
      collate: async (examples) => {
        const inputs = processor.collate(examples, { buckets: DEFAULT_BUCKETS });
        const labels = softLabels(examples, answers);
        return { inputs: labels === null ? inputs : { ...inputs, labels }, count: examples.length };
      },
      createMetric: () => {
        let [sum, count] = [0, 0];
        return {
          update: (examples, outputs) => {
            predictedAnswers(examples, outputs, answers).forEach((answer, i) => {
              const { record } = examples[i] as TaskExample<AnsweringRecord>;
              if (record.scores !== null) [sum, count] = [sum + scoreOf(record, answer), count + 1];
            });
          },
          compute: (): Record<string, number> => (count === 0 ? {} : { accuracy: (100 * sum) / count }),
        };
      },
      describe: (examples, outputs) =>
        logitRows(examples, outputs).map((logits, i) => {
          const { record, images } = examples[i] as TaskExample<AnsweringRecord>;
          const { predicted, scores } = notedAnswers(answers, logits);
          return {
            id: record.id,
            text: record.question,
            expected: bestOf(record),
            predicted,
            scores,
            correct: scoreOf(record, predicted),
            images: notedImages([record.imageId], images),
          };
        }),
    },
    modelClass: 'VisualBertForQuestionAnswering',
    processor,
    data: answeringDataset(data, processor, source),
    validation: validation === null ? null : answeringDataset(validation, processor, source.validation),
    config: {
      id2label: Object.fromEntries(answers.answers.map((answer, i) => [i, answer])),
      ...newModelFields(processor, source.dim, context),
    },
    createPredictions: () => {
      const lines: string[] = [];
      return {
        update: (examples, outputs) => {
          predictedAnswers(examples, outputs, answers).forEach((answer, i) =>
            lines.push(JSON.stringify({ id: examples[i]?.record.id, answer })),
          );
        },
        write: (path, places) => writeTextAtomic(path, `${inPlace(lines, places).join('\n')}\n`),
      };
    },
    close: () => source.close(),
  }));
}

async function chooseAnswers(
  options: AnsweringOptions,
  { purpose, model }: TaskContext,
  processor: VisualBertProcessor,
  data: readonly AnsweringRecord[],
): Promise<AnswerVocabulary> {
  if (options.answers !== undefined) return parseAnswers(await readText(options.answers), options.answers);
  if (processor.answers !== null) return processor.answers;
  if (purpose !== 'train')
    throw new ConfigError(`${model ?? 'model'}: its config.json names no answers; give them (--answers FILE)`);
  const counts = new Map<string, number>();
  for (const { scores } of data)
    for (const answer of scores?.keys() ?? []) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return new AnswerVocabulary(
    [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([answer]) => answer),
  );
}

function answeringDataset(
  records: readonly AnsweringRecord[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<TaskExample<AnsweringRecord>> {
  return questionDataset(records, processor, source, {
    name: ({ id }) => `record ${id}`,
    fingerprint: ({ id, imageId, question, scores }) =>
      `${id} ${imageId} ${question} ${JSON.stringify([...(scores ?? [])])}`,
  });
}

function softLabels(examples: readonly TaskExample<AnsweringRecord>[], answers: AnswerVocabulary): RawTensor | null {
  if (examples.some(({ record }) => record.scores === null)) return null;
  const data = new Float32Array(examples.length * answers.size);
  examples.forEach(({ record }, i) => {
    for (const [answer, score] of record.scores ?? []) {
      const index = answers.classOf(answer);
      if (index !== null && index !== answers.unknownIndex) data[i * answers.size + index] = score;
    }
  });
  return { dtype: 'float32', shape: [examples.length, answers.size], data };
}

/** The logits of each example. */
function logitRows(examples: readonly unknown[], { logits }: Record<string, RawTensor>): RawTensor['data'][] {
  if (logits === undefined) throw new DataError('task answering: expected the output logits');
  const c = logits.data.length / examples.length;
  return examples.map((_, i) => logits.data.subarray(i * c, (i + 1) * c) as RawTensor['data']);
}

function predictedAnswers(
  examples: readonly unknown[],
  outputs: Record<string, RawTensor>,
  answers: AnswerVocabulary,
): string[] {
  return logitRows(examples, outputs).map((row) => answers.best(row)[0]?.answer ?? '');
}

/** The answer with the highest score. */
function bestOf({ scores }: AnsweringRecord): string {
  return [...(scores ?? [])].reduce((best, one) => (one[1] > best[1] ? one : best), ['', -1] as [string, number])[0];
}

/** Opens own sentences with phrases and boxes. */
export async function openGrounding(
  options: GroundingOptions,
  context: TaskContext,
): Promise<OpenedTask<GroundingExample>> {
  const sentences = await all(options.data, (path) => readOwnRecords('grounding', path));
  requirePhrases(sentences, context);
  const validation =
    options.validationData === undefined
      ? null
      : await all(options.validationData, (path) => readOwnRecords('grounding', path));
  return openPhrases('grounding', sentences, validation, options, context);
}
