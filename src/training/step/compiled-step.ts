// createTrainingStep in Node: the step recorded as a graph of the native engine.
import { ConfigError } from '../../errors.js';
import { createCompiledRunner } from '../../inference/compiled-runner.js';
import { type ResolvedStepOptions, resolveStepOptions, type TrainingStepOptions } from './options.js';
import { parametersOf, type TrainableModel } from './trainable-model.js';
import { createEagerTrainingStep } from './eager-step.js';
import { ModelTrainingStep } from './training-step.js';
import { type TrainingStep } from './contract.js';
import { type WorkerGroup } from './worker-group.js';

/**
 * A training step over the model's parameters: recorded by default, eager with `compile: false`.
 * With `workers` it is one of several processes that share each update: all must make the same calls of `run` and `synchronise`.
 * While it holds the parameters, `stateDict` and `savePretrained` of the model still work, and `forward` throws.
 * @throws ConfigError for options out of range
 * @throws EngineError when the native engine is not installed; `compile: false` runs without it
 * @example
 * const step = await createTrainingStep(model, { learningRate: 1e-3, totalSteps: 100 });
 * const { inputs } = await task.collate([await train.example(0), await train.example(1)]);
 * const { loss } = await step.run(inputs); // one update
 * await step.dispose(); // the model has the parameters again
 */
export async function createTrainingStep(
  model: TrainableModel,
  options: TrainingStepOptions,
  workers: WorkerGroup | null = null,
): Promise<TrainingStep> {
  return openTrainingStep(model, resolveStepOptions(options), workers);
}

/** createTrainingStep with options that are resolved, such as those of a run. */
export async function openTrainingStep(
  model: TrainableModel,
  options: ResolvedStepOptions,
  workers: WorkerGroup | null,
): Promise<TrainingStep> {
  const { compile: compiles, precision } = options;
  if (!compiles && workers !== null)
    throw new ConfigError('createTrainingStep: several workers need the compiled step; leave out compile: false');
  if (!compiles) return createEagerTrainingStep(model, options);
  const server = workers === null ? {} : { server: workers.server };
  const runner = await createCompiledRunner(parametersOf(model), precision, server);
  return ModelTrainingStep.create(model, options, runner, workers);
}
