// A fixture of PyTorch's values, independent of files, since browsers have none.
import { type RawTensor } from '../../../src/raw-tensor.js';

/** Settings of the AdamW steps that a trained case took, always on the same batch. */
export interface FixtureTraining {
  learningRate: number;
  weightDecay: number;
  maxGradNorm: number;
  steps: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** What a case is: the class, its `config.json`, and how it was called. */
export interface FixtureMeta {
  class: string;
  config: Record<string, unknown>;
  options: {
    addPoolingLayer?: boolean;
    outputHiddenStates?: boolean;
    outputAttentions?: boolean;
    training?: FixtureTraining;
  };
  notes: string;
}

export interface Fixture {
  name: string;
  meta: FixtureMeta;
  /** `weights/<parameter>`, `inputs/<name>`, `outputs/<name>[.<index>]`, `gradients/..`, `stepped/..`, `losses`. */
  tensors: Map<string, RawTensor>;
}

/** The tensors whose names start with `<section>/`, by the rest of the name. */
export function section(fixture: Fixture, name: string): Map<string, RawTensor> {
  const prefix = `${name}/`;
  return new Map(
    [...fixture.tensors].flatMap(([key, tensor]): [string, RawTensor][] =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), tensor]] : [],
    ),
  );
}
