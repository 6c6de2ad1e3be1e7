// Statements about pictures as two classes, False and True: accuracy, consistency and the CSV of NLVR2's leaderboard.
import { writeTextAtomic } from '#platform';
import { scoreNlvr } from '../../metrics/nlvr.js';
import { warnOnce } from '../../logger.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import type { Statement } from '../../records/nlvr.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { mapSplits, type Splits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { Nlvr2Options, NlvrOptions } from '../shared/options.js';
import { taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';
import {
  type ClassificationJudge,
  classificationTask,
  type ClassifiedExample,
  type ClassifiedText,
} from './classification-task.js';

interface StatementRecord extends ClassifiedText {
  statement: Statement;
}

export type StatementExample = ClassifiedExample<StatementRecord>;

/** The authors' class 1 is true. */
const STATEMENT_CLASSES = ['False', 'True'];

/** Statements as texts to classify. */
function statementRecords(statements: readonly Statement[]): StatementRecord[] {
  return statements.map((statement) => {
    const { identifier: id, sentence: text, imageIds, label } = statement;
    return { statement, id, text, imageIds, classIndex: label === null ? null : Number(label) };
  });
}

/** Opens statements for training, evaluation or prediction. */
export async function openStatements(
  name: 'nlvr' | 'nlvr2',
  splits: Splits<Statement>,
  features: RegionFeatureSource | readonly string[],
  options: NlvrOptions | Nlvr2Options,
  context: TaskContext,
): Promise<OpenedTask<StatementExample>> {
  const texts = (): string[] => splits.records.map(({ sentence }) => sentence);
  const processor = await taskProcessor(name, options, context, texts);
  if (context.purpose !== 'train') warnAboutClassOrder(name, processor, context);
  return openedWith(await taskRegions(features, options, context), (source) =>
    classificationTask({
      name,
      classes: STATEMENT_CLASSES,
      hasGivenClasses: true,
      ...mapSplits(splits, statementRecords),
      processor,
      source,
      context,
      judge: statementJudge(name === 'nlvr2'),
    }),
  );
}

/** Warns of a checkpoint that names the classes in the other order: each of its answers counts as the opposite. */
function warnAboutClassOrder(name: string, { answers }: VisualBertProcessor, { model }: TaskContext): void {
  if (answers?.answers[0]?.toLowerCase() !== 'true') return;
  warnOnce(
    `task ${name}: class 1 is "True", as in the authors' checkpoints, and ${model} names class 0 "${answers.answers[0]}" (id2label of its ` +
      'config.json); unless that is wrong, its answers count as their opposites: train a head with this task, or use task classification',
  );
}

/** Percentages, with consistency where sentences occur with several pairs; `identifier,True|False` lines. */
function statementJudge(hasPairs: boolean): ClassificationJudge<StatementRecord> {
  return {
    metrics: (predictions) => {
      const { accuracy, consistency } = scoreNlvr(
        predictions.map(({ record }) => record.statement),
        new Map(predictions.map(({ record, predicted }) => [record.id, predicted === 1])),
      );
      return { accuracy: 100 * accuracy, ...(hasPairs ? { consistency: 100 * consistency } : {}) };
    },
    write: (path, predictions) =>
      writeTextAtomic(
        path,
        predictions.map(({ record, predicted }) => `${record.id},${STATEMENT_CLASSES[predicted]}\n`).join(''),
      ),
  };
}
