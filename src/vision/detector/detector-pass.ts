// The interface of a detector's forward pass, from pictures to arrays.
import type { PictureBatch } from './preprocess.js';

/** Outputs as arrays; see `DetectorOutputs`. */
export interface OutputValues {
  objectness: Float32Array;
  proposals: Float32Array;
  features: Float32Array;
  probabilities: Float32Array;
  moved?: Float32Array;
  attributes?: Int32Array;
  attributeScores?: Float32Array;
}

/** Runs one network. */
export interface DetectorPass {
  /** How pictures are padded to one size. */
  readonly shapes: 'exact' | 'few';
  run(batch: PictureBatch): Promise<OutputValues>;
  /** Frees the network. */
  dispose(): Promise<void>;
}
