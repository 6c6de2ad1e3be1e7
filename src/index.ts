// The public surface for browser and Node: config, layers, models, losses, processor, checkpoints from bytes or a URL, the eager step.
/** The copy of TensorFlow.js that the package computes with. */
export * as tf from '@tensorflow/tfjs';
export { ConfigError, ShapeError, CheckpointError, DataError, EngineError, HubError, TrainingError } from './errors.js';
export type { RawDType, RawTensor } from './raw-tensor.js';
export { bytesSource } from './byte-source.js';
export type { ByteSource } from './byte-source.js';
export { VisualBertConfig } from './config.js';
export type { Activation, VisualBertConfigOptions } from './config.js';
export { hash32 } from './random/philox.js';
export { philoxKey, philoxUniform } from './random/philox-uniform.js';
export { normalValues, permutation, uniformValues } from './random/values.js';
export { createTrainingStep } from './training/training-step.js';
export type { StepResult, TrainingStep } from './training/training-step.js';
export type { TrainingStepOptions } from './training/step-options.js';
export type { StepInputs } from './training/step-inputs.js';
export type { Batch, Dataset, Metric, Task } from './training/task.js';
