// Messages about parameters that a checkpoint did not fill: how many, which, and the likely reason.
import { someKeys } from './explain.js';
import { encoderLayerOf, isHead } from './parameter-names.js';
import type { LoadingReport } from './types.js';
import { WRAPPERS } from './wrappers.js';
import { requireKinds } from '../../options.js';

type Keys = Pick<LoadingReport, 'missingKeys' | 'unexpectedKeys'>;

const isPreTrainingHead = (name: string): boolean => /(^|\.)cls\.(predictions|seq_relationship)\./.test(name);

/** Reasons by the keys of a file; the first match is used. */
const BY_KEYS: readonly (readonly [RegExp, string])[] = [
  [
    /\.lora_(embedding_)?[AB](\.|$)|\.base_layer\./,
    'the file holds a LoRA adapter that was not merged; save what merge_and_unload() returns, or load the adapter folder with its { base }',
  ],
  [
    /(^|\.)_?flat_param/,
    'FSDP saved its flattened shards; save a full state dict (StateDictType.FULL_STATE_DICT, or accelerate merge-weights)',
  ],
  [/\.(qweight|qzeros|absmax|quant_map|SCB)$|quant_state/, 'the file is quantised; save the model unquantised'],
  [
    /\.weight_[gv]$|\.parametrizations\./,
    'the file holds parametrised weights; remove the parametrisation before saving (torch.nn.utils.parametrize.remove_parametrizations)',
  ],
];

/**
 * The likely reason why a checkpoint lacks parameters of a model; null when nothing is missing.
 * @example
 * likelyReason({ missingKeys: ['cls.weight', 'cls.bias'], unexpectedKeys: ['cls.predictions.bias'] });
 * // 'a pre-training checkpoint: it has no head for this task'
 */
export function likelyReason(keys: Keys): string | null {
  requireKinds('likelyReason', { 'an object': { keys } });
  const { missingKeys, unexpectedKeys } = keys;
  requireKinds('likelyReason', { 'a list': { missingKeys, unexpectedKeys } });
  if (missingKeys.length === 0) return null;
  const shown = reasonInKeys(unexpectedKeys);
  if (shown !== null) return shown;
  if (missingKeys.every(isHead)) {
    if (missingKeys.every((name) => name.startsWith('cls.transform.')))
      return 'the configuration says classifier_transform, and the checkpoint has a classifier of one layer';
    if (unexpectedKeys.some(isPreTrainingHead)) return 'a pre-training checkpoint: it has no head for this task';
    if (unexpectedKeys.some(isHead)) return 'a checkpoint of another class: its head is for another task';
    return 'a checkpoint without a head, to be trained';
  }
  if (missingKeys.every((name) => name.includes('pooler.dense.')))
    return 'a checkpoint that was saved without its pooling layer';
  if (missingKeys.some((name) => name.includes('embeddings.visual_projection.')))
    return 'a plain BERT: it has no weights for image regions, which have to be trained';
  if (missingKeys.every((name) => encoderLayerOf(name) !== null || isHead(name)))
    return 'some encoder layers are missing: the file is incomplete, or config.json belongs to a larger model';
  if (missingKeys.every((name) => name.includes('additional_layer.') || isHead(name)))
    return 'the configuration says bypass_transformer, and the checkpoint has no additional layer';
  return unexpectedKeys.length > 0
    ? `its keys have other names (${someKeys(unexpectedKeys)})`
    : 'the file is incomplete, or config.json belongs to another model';
}

/** How a file was saved, by keys that belong to no parameter; null when they do not show it. */
export function reasonInKeys(keys: readonly string[]): string | null {
  const shown = BY_KEYS.find(([pattern]) => keys.some((key) => pattern.test(key)));
  if (shown !== undefined) return shown[1];
  const wrapper = Object.keys(WRAPPERS).find((segment) => keys.some((key) => key.split('.').includes(segment)));
  if (wrapper === undefined) return null;
  return `the keys have the prefix "${wrapper}." of ${WRAPPERS[wrapper]}; save the inner model's state_dict()`;
}

/** Parameters that have random values after loading. */
export function freshParameters({ missingKeys, copiedKeys, mismatchedKeys }: LoadingReport): string[] {
  return [...missingKeys.filter((name) => !copiedKeys.includes(name)), ...mismatchedKeys.map(({ key }) => key)];
}

/** One sentence about the fresh parameters of a loaded model; null when the file filled them all. */
export function freshWeightsText(className: string, report: LoadingReport): string | null {
  const fresh = freshParameters(report);
  if (fresh.length === 0) return null;
  const reason = likelyReason(report) ?? 'their shapes in the file differ, and ignoreMismatchedSizes is set';
  return (
    `${className}: ${fresh.length} of ${report.parameterCount} parameters are not in ${report.source} and have random values: ` +
    `${someKeys(fresh)}. Likely reason: ${reason}`
  );
}
