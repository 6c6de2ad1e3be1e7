// The configuration of the quickstart (data, features, model and training): both tasks are learnt in minutes on 2 cores.
import { type ShapesPaths, type Split } from './write-data.js';

export const TASKS = ['vqa', 'nlvr'] as const;
export type Task = (typeof TASKS)[number];

export const SHAPES_RECIPE = {
  data: { trainScenes: 3000, testScenes: 300, perTemplate: 3000 },
  /** A box holds one thing: its form on 6 x 6 cells, and its color. */
  features: { cells: 6, look: 'form' },
  model: {
    hiddenSize: 64,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    intermediateSize: 256,
    maxPositionEmbeddings: 64,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    // A narrow model starts better from larger weights than BERT's 0.02.
    initializerRange: 0.15,
  },
  training: {
    vqa: { batchSize: 32, learningRate: 1.5e-3, epochs: 12 },
    nlvr: { batchSize: 32, learningRate: 1.5e-3, epochs: 6 },
  },
} as const;

/** The options of a task over one split, or over one to train and one to validate on. */
export function taskData(task: Task, paths: ShapesPaths, split: Split, validation?: Split): Record<string, unknown> {
  const common = { features: paths.images, ...SHAPES_RECIPE.features };
  if (task === 'nlvr') {
    const validationData = validation === undefined ? {} : { validationData: paths.statements(validation) };
    return { data: paths.statements(split), ...validationData, ...common };
  }
  return {
    questions: paths.questions(split),
    annotations: paths.annotations(split),
    ...(validation === undefined
      ? {}
      : {
          validationQuestions: paths.questions(validation),
          validationAnnotations: paths.annotations(validation),
          // Training: one vocabulary for both tasks, and every answer that occurs.
          vocabulary: paths.vocabulary,
          minimumAnswerCount: 1,
        }),
    ...common,
  };
}
