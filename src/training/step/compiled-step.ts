// createTrainingStep in Node: the step recorded as a graph of the native engine.
import { compile } from '../../engine/session/compile.js';
import type { StateOptions } from '../../engine/session/contract.js';
import type { PredictionPrecision } from '../../engine/recording/precision.js';
import { createState } from '../../engine/session/state.js';
import { ConfigError, EngineError, errorMessage } from '../../errors.js';
import { resolveStepOptions, type TrainingStepOptions } from './options.js';
import { type StepRunner } from './runner.js';
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
 */
export async function createTrainingStep(
  model: TrainableModel,
  options: TrainingStepOptions,
  workers: WorkerGroup | null = null,
): Promise<TrainingStep> {
  const resolved = resolveStepOptions(options);
  const { compile: compiles, precision } = resolved;
  if (!compiles && workers !== null)
    throw new ConfigError('createTrainingStep: several workers need the compiled step; leave out compile: false');
  if (!compiles) return createEagerTrainingStep(model, resolved);
  return ModelTrainingStep.create(model, resolved, await createCompiledRunner(model, precision, { workers }));
}

/** Runs a step's functions as recorded graphs; the parameters move into a session until `dispose`. */
export async function createCompiledRunner(
  model: TrainableModel,
  precision: PredictionPrecision,
  { workers = null, ...options }: Pick<StateOptions, 'readOnly' | 'values'> & { workers?: WorkerGroup | null } = {},
): Promise<StepRunner> {
  const server = workers === null ? {} : { server: workers.server };
  const state = await createState(parametersOf(model), { ...options, ...server }).catch((error: unknown) => {
    if (error instanceof ConfigError) throw error; // invalid for an eager step too
    throw new EngineError(
      `createTrainingStep: ${errorMessage(error).replace(/\.$/, '')}; or pass compile: false to train eagerly on the current backend`,
      { cause: error },
    );
  });
  return {
    compiled: true,
    workers,
    get recordings() {
      return state.recordings;
    },
    addVariable: (name, shape, fill = 0) => state.addVariable(name, { shape, fill }),
    prepare: (fn, name) => compile(fn, { state, name, precision }),
    lend: (use) => state.lend(use),
    write: (name, value) => state.write(name, value),
    dispose: () => state.dispose(),
  };
}
