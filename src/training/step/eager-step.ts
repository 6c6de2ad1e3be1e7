// createTrainingStep for every backend of tfjs: the step runs operation by operation.
import { ConfigError } from '../../errors.js';
import { type TrainingStep } from './contract.js';
import { type ResolvedStepOptions, resolveStepOptions, type TrainingStepOptions } from './options.js';
import { createEagerRunner, requireEagerPrecision } from '../../inference/eager-runner.js';
import { parametersOf, type TrainableModel } from './trainable-model.js';
import { ModelTrainingStep } from './training-step.js';
import { requireOptions } from '../../options.js';

/**
 * A training step over the model's parameters, run eagerly: `compile` is false unless given.
 * @throws ConfigError for options out of range, and for `compile: true`, which needs `visualbert-tfjs/node` and its engine.
 * @example
 * const step = await createTrainingStep(model, { learningRate: 1e-3 });
 * const { inputs } = await task.collate([await train.example(0)], { seed: 0, epoch: 0, training: true });
 * const { loss } = await step.run([inputs]);
 * await step.dispose(); // the model has the new parameters
 */
export async function createTrainingStep(
  model: TrainableModel,
  options: TrainingStepOptions = {},
): Promise<TrainingStep> {
  requireOptions('createTrainingStep', options);
  const resolved = resolveStepOptions({ compile: false, ...options });
  if (resolved.compile) {
    throw new ConfigError(
      'createTrainingStep: compile: true needs the native engine of visualbert-tfjs/node (`visualbert engine install`); leave it out, or pass compile: false, to run eagerly',
    );
  }
  return createEagerTrainingStep(model, resolved);
}

/** The eager step of resolved options. @throws ConfigError for a precision that only the compiled step has, or no other backend than WebGPU */
export async function createEagerTrainingStep(
  model: TrainableModel,
  options: ResolvedStepOptions,
): Promise<TrainingStep> {
  const { precision } = options;
  requireEagerPrecision(precision, 'createTrainingStep: ');
  return ModelTrainingStep.create(model, options, createEagerRunner(parametersOf(model), precision), null);
}
