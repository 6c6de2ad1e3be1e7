// Classification of own JSON lines: a text, or a pair of them, about one image or a pair.
import { writeTextAtomic } from '#platform';
import { ConfigError, DataError } from '../../errors.js';
import { openedWith } from '../../features/region-features.js';
import { type ClassificationRecord, readOwnRecords } from '../../records/own.js';
import { mapSplits, readAll, readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { ClassificationOptions } from '../shared/options.js';
import { jsonLines } from '../shared/predictions.js';
import { taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import {
  type ClassificationJudge,
  classificationTask,
  type ClassifiedExample,
  type ClassifiedText,
  type ClassPrediction,
} from './classification-task.js';
import { firstOf } from '../../words.js';

/** The recall of each class is a metric up to this many classes. */
const MOST_RECALLS = 20;

/** Opens own classification data. The classes are the labels of the data in alphabetical order, or those of a trained model. */
export async function openClassification(
  options: ClassificationOptions,
  context: TaskContext,
): Promise<OpenedTask<ClassifiedExample<ClassifiedText>>> {
  const splits = await readSplits(
    (paths) => readAll(paths, (path) => readOwnRecords('classification', path)),
    options.data,
    options.validationData,
  );
  const { records } = splits;
  const texts = (): string[] => records.flatMap(({ text, textPair = '' }) => [text, textPair]);
  const processor = await taskProcessor('plain', options, context, texts);
  const labels = [...new Set(records.flatMap(({ label }) => label ?? []))].sort();
  const classes = context.purpose === 'train' ? labels : processor.answers?.answers;
  if (classes === undefined)
    throw new ConfigError(
      `${context.model ?? 'model'}: its config.json names no classes (id2label is LABEL_0, LABEL_1, ...); write them there in the order that ` +
        'the head was trained with, as "id2label": { "0": "no", "1": "yes" }, or train a head (`visualbert train classification`)',
    );
  if (classes.length < 2)
    throw new DataError(`task classification: expected at least two labels, found ${labels.join(', ') || 'none'}`);
  const classified = mapSplits(splits, (all) => all.map((record) => withClass(record, classes)));
  return openedWith(await taskRegions(options.features, options, context), (source) =>
    classificationTask({
      name: 'classification',
      classes,
      hasGivenClasses: false,
      ...classified,
      processor,
      source,
      context,
      judge: classJudge(classes),
    }),
  );
}

function withClass({ label, ...record }: ClassificationRecord, classes: readonly string[]): ClassifiedText {
  const classIndex = label === null ? null : classes.indexOf(label);
  if (classIndex === -1)
    throw new DataError(
      `${record.where ?? `record ${record.id}`}: expected a label among the classes ${firstOf(classes, 10)}, received ${label}`,
    );
  return { ...record, classIndex };
}

/** Accuracy, and the recall of each class when there are few; `{ id, label, scores }` lines. */
function classJudge(classes: readonly string[]): ClassificationJudge<ClassifiedText> {
  return {
    metrics: (predictions) => {
      const members = classes.map(
        (label, c) => [label, predictions.filter(({ record }) => record.classIndex === c)] as const,
      );
      const present = classes.length > MOST_RECALLS ? [] : members.filter(([, { length }]) => length > 0);
      return {
        accuracy: percentRight(predictions),
        ...Object.fromEntries(present.map(([label, those]) => [`recall (${label})`, percentRight(those)])),
      };
    },
    write: (path, predictions) =>
      writeTextAtomic(
        path,
        jsonLines(
          predictions.map(({ record, predicted, probabilities }) => ({
            id: record.id,
            label: classes[predicted],
            scores: Object.fromEntries(classes.map((label, c) => [label, Number(probabilities[c]?.toFixed(6))])),
          })),
        ),
      ),
  };
}

function percentRight(predictions: readonly ClassPrediction<ClassifiedText>[]): number {
  const right = predictions.filter(({ record, predicted }) => record.classIndex === predicted);
  return (100 * right.length) / predictions.length;
}
