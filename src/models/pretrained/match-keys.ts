// Which key of a checkpoint fills which parameter of a model: prefix, old names, buffers, tied names.
import type { StoredTensor } from '../../checkpoint/tensor-file.js';

/** The base model's place inside the head classes. */
const PREFIX = 'visual_bert.';

/** Buffers that old versions of transformers saved: position_ids counts 0, 1, 2, ... */
const BUFFER = /(^|\.)position_ids$/;

/** The use of every key of a file. */
export interface KeyMatch {
  /** Parameter (or tied second name) -> key of the file. */
  keyOf: Map<string, string>;
  unexpected: string[];
  ignored: string[];
}

/**
 * Matches the keys of a file with the names of a model, as transformers does: the prefix `visual_bert.` is added or stripped where
 * only one side has it, `LayerNorm.gamma/beta` mean weight and bias.
 * @param names parameters of the model and second names of tied ones.
 */
export function matchKeys(tensors: ReadonlyMap<string, StoredTensor>, names: ReadonlySet<string>): KeyMatch {
  const isPrefixed = (list: Iterable<string>): boolean => [...list].some((name) => name.startsWith(PREFIX));
  const [fileHasPrefix, modelHasPrefix] = [isPrefixed(tensors.keys()), isPrefixed(names)];
  const keyOf = new Map<string, string>();
  const [unexpected, ignored]: [string[], string[]] = [[], []];
  for (const key of tensors.keys()) {
    let name = key.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    if (fileHasPrefix && !modelHasPrefix && name.startsWith(PREFIX)) name = name.slice(PREFIX.length);
    if (!fileHasPrefix && modelHasPrefix && names.has(PREFIX + name)) name = PREFIX + name;
    if (BUFFER.test(key)) ignored.push(key);
    else if (names.has(name) && !keyOf.has(name)) keyOf.set(name, key);
    else unexpected.push(key);
  }
  return { keyOf, unexpected, ignored };
}
