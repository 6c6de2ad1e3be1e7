// Random initial weights of a detector: a function of the seed and of each weight's name.
import { tf } from '#tf';
import { normalValues } from '../../random/values.js';
import { sizeOf } from '../../shapes.js';
import type { DetectorConfig } from './config.js';
import { createNetwork, createPart, type DetectorNetwork, type NetworkPart } from './network.js';
import { detectorLayers } from './specification.js';

/** A network of random weights; biases are 0. The caller owns it. */
export function freshNetwork(config: DetectorConfig, seed: number): DetectorNetwork {
  const parts = new Map<string, NetworkPart>();
  for (const layer of detectorLayers(config)) {
    const { name, kind, shape, stddev } = layer;
    const weight = tf.tensor(normalValues(sizeOf(shape), { seed, name: `${name}.weight`, stddev }), [...shape]);
    parts.set(name, createPart(layer, weight, kind === 'table' ? null : tf.zeros([shape[0] as number]), config));
  }
  return createNetwork(config, parts);
}
