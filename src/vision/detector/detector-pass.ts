// A detector's network from pictures to arrays, however it is computed.
import * as tf from '@tensorflow/tfjs';
import type { DetectorConfig } from './config.js';
import { type DetectorOutputs, runDetector } from './forward.js';
import type { DetectorNetwork } from './network.js';
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

/** A pass op by op, on whatever backend is current. It owns the network. */
export function createEagerPass(network: DetectorNetwork, config: DetectorConfig): DetectorPass {
  return {
    shapes: 'exact',
    run: ({ shape, pixels, sizes }) =>
      valuesOf(
        tf.tidy(() => runDetector(tf.tensor4d(pixels, shape), tf.tensor2d(sizes, [shape[0], 2]), network, config)),
      ),
    dispose: () => {
      tf.dispose(network as unknown as tf.TensorContainer);
      return Promise.resolve();
    },
  };
}

/** Reads and disposes the outputs. */
async function valuesOf(outputs: DetectorOutputs): Promise<OutputValues> {
  const entries = await Promise.all(
    Object.entries(outputs).map(async ([name, tensor]: [string, tf.Tensor]) => {
      const data = await tensor.data();
      tensor.dispose();
      return [name, data] as const;
    }),
  );
  return Object.fromEntries(entries) as unknown as OutputValues;
}
