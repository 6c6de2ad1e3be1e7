// Evaluates the explanations of a model on a task's labelled examples.
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { type RemovalCurve, RemovalTest, type SeenExample } from '../explain/removal.js';
import { MODEL_CLASSES } from '../models/model-classes.js';
import { lengthBatches } from '../pipelines/batching.js';
import type { PipelineName } from '../pipelines/contract.js';
import { createAccess, type PipelineAccess } from '../pipelines/create.js';
import { type PipelineExample, sizeOfExample } from '../pipelines/example.js';
import type { PipelineHead } from '../pipelines/head.js';
import { definitionOf, tasksOfClass } from '../pipelines/tasks.js';
import { openTask } from '../tasks/open-task.js';
import type { OpenedTask } from '../tasks/shared/opened-task.js';
import type { TaskExample } from '../tasks/shared/datasets.js';
import type { VcrExample } from '../tasks/vcr/vcr.js';
import { batchSizeOf, type ComputingOptions } from './evaluate.js';
import { withForwardPass } from './forward-pass.js';
import { parseOptions, SEED, wholeNumber } from '../options.js';

/** Which examples are evaluated, in which order: names, checks, defaults and help texts. */
export const EXPLANATION_EVALUATION_OPTIONS = {
  limit: wholeNumber(1).optional().describe('maximum number of examples, the first ones'),
  seed: SEED.default(0).describe('seed of the random order'),
};

export const explanationEvaluationSchema = z.object(EXPLANATION_EVALUATION_OPTIONS);

/** Options of `evaluateExplanations`. */
export interface EvaluateExplanationsOptions
  extends Omit<ComputingOptions, 'precision'>, z.input<typeof explanationEvaluationSchema> {
  task: string;
  /** Folder or hub id of the model. */
  model: string;
  /** Options of the task: which examples, which features. */
  data: Record<string, unknown>;
}

/** Result of `evaluateExplanations`. */
export interface ExplanationEvaluation {
  count: number;
  /** The task's metric that the curves show. */
  metric: string;
  curves: RemovalCurve[];
}

/** Examples that are read and sorted by length at a time. */
const PORTION = 256;

/**
 * Removal curves of a model's explanations over labelled examples of questions, statements or choices.
 * @throws ConfigError for another task; ConfigError, DataError for settings or data that do not fit
 */
export async function evaluateExplanations(options: EvaluateExplanationsOptions): Promise<ExplanationEvaluation> {
  const { limit, seed } = parseOptions('evaluateExplanations', explanationEvaluationSchema, options);
  const { task: name, model: source, data } = options;
  const batchSize = batchSizeOf(options);
  const opened = await openTask(name, data, { purpose: 'evaluate', model: source });
  try {
    const [pipelineTask] = tasksOfClass(opened.architecture);
    const isJudged = JUDGED_TASKS.includes(pipelineTask);
    if (pipelineTask === undefined || !isJudged)
      throw new ConfigError(
        `task ${name}: explanations are evaluated on questions, statements or choices with correct answers`,
      );
    const { allowFreshWeights } = options;
    const loaded = { Model: MODEL_CLASSES[opened.architecture], where: source, allowFreshWeights };
    return await withForwardPass(loaded, async (forward, model) => {
      const head = headOf(pipelineTask, opened, model.config);
      const parts = { task: pipelineTask, model, processor: opened.processor, head, forward };
      const access = createAccess(parts, batchSize);
      return testRemovals(opened, access, { limit, seed, batchSize });
    });
  } finally {
    await opened.close();
  }
}

const JUDGED_TASKS: readonly (PipelineName | undefined)[] = [
  'visual-question-answering',
  'visual-reasoning',
  'visual-multiple-choice',
];

function headOf(
  task: PipelineName,
  { processor }: OpenedTask,
  config: PipelineAccess<PipelineName>['model']['config'],
): PipelineHead<PipelineName> {
  const definition = definitionOf(task);
  if (definition === undefined) throw new ConfigError(`unknown task ${task}`);
  return definition.createHead({ processor, config, readImages: async () => [] }) as PipelineHead<PipelineName>;
}

async function testRemovals(
  opened: OpenedTask,
  access: PipelineAccess<PipelineName>,
  { limit = Infinity, seed, batchSize }: { limit: number | undefined; seed: number; batchSize: number },
): Promise<ExplanationEvaluation> {
  const { scores } = access.head;
  if (scores === null) throw new ConfigError(`task ${access.task}: it has no answers to explain`);
  const { task, data } = opened;
  const metric = { name: task.primaryMetric, create: () => task.createMetric() };
  const test = new RemovalTest(access, scores, metric, seed);
  const count = Math.min(limit, data.length);
  for await (const examples of portionsOf(opened, count)) {
    const seen = examples.map((example): SeenExample<unknown> => ({ example, seen: seenOf(example as Seen) }));
    for (const indices of lengthBatches(
      seen.map((one) => sizeOfExample(one.seen)),
      batchSize,
    ))
      await test.add(indices.map((index) => seen[index] as SeenExample<unknown>));
  }
  return { count, metric: task.primaryMetric, curves: test.curves() };
}

type Seen = TaskExample<unknown> | VcrExample;

/** A task's example, encoded for a pipeline. */
function seenOf(example: Seen): PipelineExample {
  if (!('choices' in example)) return { sequences: [{ text: example.text, regions: example.regions }], labels: [] };
  const sequences = example.choices.map((choice, i) => ({ ...choice, alignment: example.alignments[i] ?? [] }));
  return { sequences, labels: sequences.map((_, i) => `choice ${i}`) };
}

/** The first examples of a task, a few hundred at a time. */
export async function* portionsOf({ data }: OpenedTask, count: number): AsyncGenerator<unknown[]> {
  for (let start = 0; start < count; start += PORTION) {
    const indices = Array.from({ length: Math.min(PORTION, count - start) }, (_, i) => start + i);
    yield Promise.all(indices.map((index) => data.example(index)));
  }
}
