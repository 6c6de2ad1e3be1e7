// Inputs of stand-in models: arrays whose first axis is the examples.
import { type RawTensor } from '../../src/raw-tensor.js';
import type { TrainableModel } from '../../src/training/step/trainable-model.js';
import type { InputValues } from '../../src/inference/runnable-model.js';

export function prepareArrays(inputs: InputValues): ReturnType<TrainableModel['prepareArrays']> {
  const arrays = inputs as Record<string, RawTensor>;
  return {
    arrays,
    exampleCount: arrays['exampleCount']?.data[0] ?? Object.values(arrays)[0]?.shape[0] ?? 0,
  };
}
