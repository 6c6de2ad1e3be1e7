// Parameter groups: weight decay, layer-wise learning rates and frozen parameters.
import { matchingNames } from '../../models/model-arguments.js';
import { encoderLayerOf, isDecayed, isOfEmbeddings } from '../../models/pretrained/parameter-names.js';
import { ConfigError } from '../../errors.js';
import { type GroupFactors } from './optimizer.js';

export interface GroupOptions {
  weightDecay: number;
  /** Factor per layer from the head (1) down to the embeddings. */
  layerDecay: number;
  /** Parameters whose names match one of these are not trained. `*` matches any characters. */
  freeze: readonly string[];
}

/**
 * One entry per trained parameter, in the given order.
 * @throws ConfigError when a pattern of `freeze` matches nothing, or nothing is left to train.
 */
export function createParameterGroups(
  names: readonly string[],
  { weightDecay, layerDecay, freeze }: GroupOptions,
): Map<string, GroupFactors> {
  const frozen = new Set(freeze.flatMap((pattern) => matchingNames('freeze', names, pattern)));
  const trained = names.filter((name) => !frozen.has(name));
  if (trained.length === 0) throw new ConfigError('freeze: every parameter is frozen; leave some to train');
  const top = 2 + Math.max(-1, ...names.map((name) => encoderLayerOf(name) ?? -1));
  return new Map(
    trained.map((name) => [
      name,
      { rateFactor: layerDecay ** (top - heightOf(name, top)), decay: isDecayed(name) ? weightDecay : 0 },
    ]),
  );
}

/** Height of a parameter's layer: 0 for the embeddings, then the encoder's layers from 1, and `top` above them. */
function heightOf(name: string, top: number): number {
  const layer = encoderLayerOf(name);
  if (layer !== null) return layer + 1;
  return isOfEmbeddings(name) ? 0 : top;
}
