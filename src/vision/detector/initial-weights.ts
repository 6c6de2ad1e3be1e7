// Fresh weights of a detector: a function of the seed and of each weight's name.
import * as tf from '@tensorflow/tfjs';
import { normalValues } from '../../random/values.js';
import { sizeOf } from '../../shapes.js';
import type { DetectorConfig } from './config.js';
import { createNetwork, type DetectorNetwork } from './network.js';
import { detectorLayers } from './specification.js';

/** A network of random weights; biases are 0. The caller owns it. */
export function freshNetwork(config: DetectorConfig, seed: number): DetectorNetwork {
  const tensors = new Map<string, tf.Tensor>();
  for (const { name, kind, shape, stddev } of detectorLayers(config)) {
    const weight = `${name}.weight`;
    tensors.set(weight, tf.tensor(normalValues(sizeOf(shape), { seed, name: weight, stddev }), [...shape]));
    if (kind !== 'table') tensors.set(`${name}.bias`, tf.zeros([shape[0] as number]));
  }
  return createNetwork(config, (name) => tensors.get(name) as tf.Tensor);
}
