// The interface of a model that can be run on arrays, independent of architectures.
import type * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../raw-tensor.js';
import type { ComputeContext } from '../models/backbone.js';
import type { InputValue } from '../models/inputs/checked-input.js';
import type { ModelInputs, OutputFlags } from '../models/inputs/inputs.js';
import type { RawTensors } from '../raw-tensor.js';

/** Inputs by camelCase name, in any form that a model's `forward` accepts: tensors (never disposed), raw arrays, nested lists. */
export type InputValues = ModelInputs | Record<string, InputValue | null | undefined>;

/** Outputs of one forward pass: tensors, and the lists `hiddenStates` and `attentions`. */
export interface OutputTensors {
  loss?: tf.Scalar;
  [name: string]: tf.Tensor | readonly tf.Tensor[] | undefined;
}

/** A model as a function of tensors, with its parameters. */
export interface RunnableModel {
  /** The pure function of tensors, without checks of values or asynchronous code. Returns `loss` when labels are given. */
  compute(inputs: Tensors, context: ComputeContext): object;
  /** Converts inputs to checked arrays for `compute`, and returns their number of examples. @throws ShapeError */
  prepareArrays(inputs: InputValues): { arrays: RawTensors; exampleCount: number };
  /** Whether `compute` may get these inputs with `ComputeContext.ragged`. Default: no. */
  canLeaveOutPadding?(inputs: Readonly<Record<string, unknown>>, flags: OutputFlags): boolean;
  /** Parameters by transformers' name; a tied parameter appears once. */
  namedParameters(): Map<string, tf.Variable>;
}
