// Runs a model over a task's examples: figures for labelled ones, the evaluation server's file for all.
import { evaluateTask } from '../training/evaluate.js';
import { createForwardPass } from '../training/forward.js';
import type { TrainingStepOptions } from '../training/step-options.js';
import { createRunModel } from './model-classes.js';
import { openTask } from './open-task.js';
import type { Purpose } from './opened-task.js';

export interface EvaluateRunOptions {
  task: string;
  /** Folder or hub id of the model. */
  model: string;
  /** Options of the task: which examples, which features. */
  data: Record<string, unknown>;
  purpose: Extract<Purpose, 'evaluate' | 'predict'>;
  /** Default 32. */
  batchSize?: number;
  /** Where to write the predictions as the evaluation server takes them. */
  output?: string;
  precision?: NonNullable<TrainingStepOptions['precision']>;
  onBatch?: (done: number, total: number) => void;
}

const DEFAULT_BATCH_SIZE = 32;

/** The figures over all examples, and how many there are. */
export async function evaluateRun(
  options: EvaluateRunOptions,
): Promise<{ count: number; metrics: Record<string, number> }> {
  const { task: name, model: source, data, purpose, batchSize = DEFAULT_BATCH_SIZE, precision = 'fp32' } = options;
  const opened = await openTask(name, data, { purpose, model: source });
  const model = await createRunModel({ modelClass: opened.modelClass, model: source, dataConfig: {}, seed: 0 });
  const forward = await createForwardPass(model, { precision });
  try {
    const predictions = options.output === undefined ? null : opened.createPredictions();
    let done = 0;
    const metrics = await evaluateTask({
      task: opened.task,
      dataset: opened.data,
      batchSize,
      seed: 0,
      outputs: (inputs) => forward.outputs(inputs),
      padBatches: forward.compiled,
      hasLabels: purpose === 'evaluate',
      onBatch: (examples, outputs) => {
        predictions?.update(examples, outputs);
        done += examples.length;
        options.onBatch?.(done, opened.data.length);
      },
    });
    if (options.output !== undefined) await predictions?.write(options.output);
    return { count: opened.data.length, metrics: metrics ?? {} };
  } finally {
    await forward.dispose();
    model.dispose();
    await opened.close();
  }
}
