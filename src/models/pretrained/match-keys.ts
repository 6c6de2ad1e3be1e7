// Matches keys of a checkpoint with parameters of a model: wrappers, prefix, old names, buffers, tied names.
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import { bufferMeaning, unwrapKeys } from './wrappers.js';

/** Where head classes hold the base model. */
const PREFIX = 'visual_bert.';

/** The name that identifies a VisualBERT: a plain BERT has no projection of regions. */
export const VISUALBERT_MARK = /^(visual_bert\.)?embeddings\.visual_projection\.weight$/;

/** The keys of a file as names of a model's parameters. */
export interface NamedKeys {
  /** Key -> name, in the order of the file. */
  nameOf: ReadonlyMap<string, string>;
  /** Wrappers that were removed. */
  wrappers: string[];
  /** Keys that hold no tensor and have no parameter's name, with what they hold. */
  nonTensors: string[];
}

/**
 * Names the keys of a file as transformers does: wrappers are removed, the prefix `visual_bert.` is added or stripped where only one
 * side has it.
 * @param names names of the model.
 * @throws CheckpointError for a key that has a parameter's name and holds no tensor, and for two keys of one name.
 */
export function nameKeys(file: TensorFile, names: ReadonlySet<string>): NamedKeys {
  const others = file.nonTensors ?? new Map<string, string>();
  const keys = [...file.tensors.keys(), ...others.keys()];
  const { nameOf, taken } = unwrapKeys(file.name, keys, [VISUALBERT_MARK]);
  const isPrefixed = (list: Iterable<string>): boolean => [...list].some((name) => name.startsWith(PREFIX));
  const [fileHasPrefix, modelHasPrefix] = [isPrefixed(nameOf.values()), isPrefixed(names)];
  const renamed = (name: string): string => {
    if (fileHasPrefix && !modelHasPrefix && name.startsWith(PREFIX)) return name.slice(PREFIX.length);
    return !fileHasPrefix && modelHasPrefix && names.has(PREFIX + name) ? PREFIX + name : name;
  };
  const named = new Map([...nameOf].map(([key, name]) => [key, renamed(name)]));
  for (const [key, held] of others) {
    if (names.has(named.get(key) ?? '')) throw nonTensorError(file.name, key, held);
    named.delete(key);
  }
  return { nameOf: named, wrappers: taken, nonTensors: [...others].map(([key, held]) => `${key} (${held})`) };
}

/** The error for a key that has a parameter's name and holds something else. */
export function nonTensorError(file: string, key: string, held: string): CheckpointError {
  return new CheckpointError(
    `${file}: key "${key}" holds ${held}, expected a tensor; save the model's state_dict() again`,
  );
}

/** The use of every key of a file. */
export interface KeyMatch {
  /** Parameter -> key of the file. */
  keyOf: Map<string, string>;
  unexpected: string[];
  ignored: string[];
}

/**
 * Matches named keys with the parameters of a model.
 * @param tied second names -> names. Where a second name is a parameter of its own (an untied model) and the file lacks it, it is
 *   filled from the first name's key; otherwise the second name's key is used where the first one is missing.
 */
export function matchKeys(
  nameOf: ReadonlyMap<string, string>,
  parameters: ReadonlySet<string>,
  tied: ReadonlyMap<string, string>,
): KeyMatch {
  const keyOf = new Map<string, string>();
  const [unexpected, ignored]: [string[], string[]] = [[], []];
  for (const [key, name] of nameOf) {
    if (bufferMeaning(name) !== null) ignored.push(key);
    else if (parameters.has(name) || tied.has(name)) keyOf.set(name, key);
    else unexpected.push(key);
  }
  const unused = joinTied(keyOf, parameters, tied);
  return { keyOf, unexpected, ignored: [...ignored, ...unused.map(({ value }) => value)] };
}

/**
 * Fills in tied parameters from their twins (decoder and word table), and takes away second names that are no parameters.
 * @returns the second names that add no data, with their values
 */
export function joinTied<T>(
  valueOf: Map<string, T>,
  parameters: { has(name: string): boolean },
  tied: ReadonlyMap<string, string>,
): { value: T; name: string }[] {
  const unused: { value: T; name: string }[] = [];
  for (const [second, name] of tied) {
    const [own, shared] = [valueOf.get(second), valueOf.get(name)];
    if (parameters.has(second)) {
      if (own === undefined && shared !== undefined) valueOf.set(second, shared);
    } else if (own !== undefined) {
      valueOf.delete(second);
      if (shared === undefined) valueOf.set(name, own);
      else unused.push({ value: own, name });
    }
  }
  return unused;
}
