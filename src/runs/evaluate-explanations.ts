// Evaluates the explanations of a model on a task's labelled examples.
import { type z } from 'zod';
import { ConfigError } from '../errors.js';
import {
  REMOVED_PARTS,
  type RemovalCurve,
  type RemovedParts,
  RemovalTest,
  type SeenExample,
} from '../explain/removal.js';
import { MODEL_CLASSES } from '../models/model-classes.js';
import { lengthBatches } from '../pipelines/batching.js';
import type { PipelineName } from '../pipelines/contract.js';
import { createAccess, type PipelineAccess } from '../pipelines/create.js';
import { sizeOfExample } from '../pipelines/example.js';
import type { PipelineHead } from '../pipelines/head.js';
import { definitionOf, tasksOfClass } from '../pipelines/tasks.js';
import { openTask } from '../tasks/open-task.js';
import type { OpenedTask } from '../tasks/shared/opened-task.js';
import type { GroundingExample } from '../tasks/grounding/grounding.js';
import type { TaskExample } from '../tasks/shared/datasets.js';
import type { VcrExample } from '../tasks/vcr/vcr.js';
import { type ComputingOptions, evaluateRunSchema } from './evaluate.js';
import { withForwardPass } from './forward-pass.js';
import { parseOptions, SEED, wholeNumber } from '../options.js';

/** Which examples are evaluated, in which order: names, checks, defaults and help texts. */
export const EXPLANATION_EVALUATION_OPTIONS = {
  limit: wholeNumber(1).optional().describe('maximum number of examples, the first ones'),
  seed: SEED.default(0).describe('seed of the random order'),
};

/** The checks of `EvaluateExplanationsOptions`. */
export const evaluateExplanationsSchema = evaluateRunSchema
  .pick({ task: true, model: true, data: true, batchSize: true, allowFreshWeights: true })
  .extend(EXPLANATION_EVALUATION_OPTIONS);

/** Options of `evaluateExplanations`. */
export interface EvaluateExplanationsOptions
  extends Omit<ComputingOptions, 'precision'>, z.input<z.ZodObject<typeof EXPLANATION_EVALUATION_OPTIONS>> {
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
 * Removal curves of a model's explanations over labelled examples of questions, statements, choices or phrases.
 * @throws ConfigError for another task; ConfigError, DataError for settings or data that do not fit
 * @example
 * const data = { data: 'mine.jsonl', features: 'features.vbf' };
 * const { curves } = await evaluateExplanations({ task: 'answering', model: 'runs/vqa', data, limit: 100 });
 */
export async function evaluateExplanations(options: EvaluateExplanationsOptions): Promise<ExplanationEvaluation> {
  const resolved = parseOptions('evaluateExplanations', evaluateExplanationsSchema, options);
  const { task: name, model: source, data, batchSize, allowFreshWeights, limit, seed } = resolved;
  const opened = await openTask(name, data, { purpose: 'evaluate', model: source });
  try {
    const [pipelineTask] = tasksOfClass(opened.architecture);
    const parts = pipelineTask && REMOVED_FROM[pipelineTask];
    if (pipelineTask === undefined || parts === undefined)
      throw new ConfigError(
        `task ${name}: explanations are evaluated on questions, statements, choices or phrases with correct answers`,
      );
    const loaded = { Model: MODEL_CLASSES[opened.architecture], where: source, allowFreshWeights };
    return await withForwardPass(loaded, async (forward, model) => {
      const head = headOf(pipelineTask, opened, model.config);
      const access = createAccess({ task: pipelineTask, model, processor: opened.processor, head, forward }, batchSize);
      return testRemovals(opened, access, { limit, seed, batchSize, parts });
    });
  } finally {
    await opened.close();
  }
}

/** What is removed from the examples of each task. Phrases choose between the regions, which therefore stay. */
const REMOVED_FROM: Partial<Record<PipelineName, readonly RemovedParts[]>> = {
  'visual-question-answering': REMOVED_PARTS,
  'visual-reasoning': REMOVED_PARTS,
  'visual-multiple-choice': REMOVED_PARTS,
  'phrase-grounding': ['words'],
};

interface TestOptions {
  limit: number | undefined;
  seed: number;
  batchSize: number;
  parts: readonly RemovedParts[];
}

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
  { limit = Infinity, seed, batchSize, parts }: TestOptions,
): Promise<ExplanationEvaluation> {
  const { scores } = access.head;
  if (scores === null) throw new ConfigError(`task ${access.task}: it has no answers to explain`);
  const { task, data } = opened;
  const metric = { name: task.primaryMetric, create: () => task.createMetric() };
  const test = new RemovalTest(access, scores, metric, { parts, seed });
  const count = Math.min(limit, data.length);
  for await (const examples of portionsOf(opened, count)) {
    const seen = examples.flatMap((example) => seenOf(example as Example));
    for (const indices of lengthBatches(
      seen.map((one) => sizeOfExample(one.seen)),
      batchSize,
    ))
      await test.add(indices.map((index) => seen[index] as SeenExample<unknown>));
  }
  return { count, metric: task.primaryMetric, curves: test.curves() };
}

type Example = TaskExample<unknown> | VcrExample | GroundingExample;

/** A task's example, encoded for a pipeline; a sentence once for each phrase, whose answers have explanations of their own. */
function seenOf(example: Example): SeenExample<unknown>[] {
  if ('choices' in example) {
    const sequences = example.choices.map((choice, i) => ({ ...choice, alignment: example.alignments[i] ?? [] }));
    return [{ example, seen: { sequences, labels: sequences.map((_, i) => `choice ${i}`) } }];
  }
  const { text, regions } = example;
  if (!('positions' in example)) return [{ example, seen: { sequences: [{ text, regions }], labels: [] } }];
  return example.positions.map((position, i) => ({
    example: { ...example, positions: [position], matches: example.matches.slice(i, i + 1) },
    seen: { sequences: [{ text, regions, asked: [position] }], labels: [`phrase ${i}`] },
  }));
}

/** The first examples of a task, a few hundred at a time. */
export async function* portionsOf({ data }: OpenedTask, count: number): AsyncGenerator<unknown[]> {
  for (let start = 0; start < count; start += PORTION) {
    const indices = Array.from({ length: Math.min(PORTION, count - start) }, (_, i) => start + i);
    yield Promise.all(indices.map((index) => data.example(index)));
  }
}
