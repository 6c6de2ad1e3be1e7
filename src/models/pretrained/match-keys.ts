// Which key of a checkpoint fills which parameter of a model: prefix, old names, buffers, tied names.
import type { StoredTensor, TensorFile } from '../../checkpoint/tensor-file.js';

/** The base model's place inside the head classes. */
const PREFIX = 'visual_bert.';

/** Buffers that old versions of transformers saved: position_ids counts 0, 1, 2, ... */
const BUFFER = /(^|\.)position_ids$/;

/** The use of every key of a file. */
export interface KeyMatch {
  /** Parameter -> key of the file. */
  keyOf: Map<string, string>;
  unexpected: string[];
  ignored: string[];
}

/** Renames a file's keys to a model's names, as transformers does: the prefix `visual_bert.` is added or stripped where only one
 * side has it, `LayerNorm.gamma/beta` mean weight and bias. */
function renamer(keys: Iterable<string>, names: ReadonlySet<string>): (key: string) => string {
  const isPrefixed = (list: Iterable<string>): boolean => [...list].some((name) => name.startsWith(PREFIX));
  const [fileHasPrefix, modelHasPrefix] = [isPrefixed(keys), isPrefixed(names)];
  return (key) => {
    const name = key.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    if (fileHasPrefix && !modelHasPrefix && name.startsWith(PREFIX)) return name.slice(PREFIX.length);
    return !fileHasPrefix && modelHasPrefix && names.has(PREFIX + name) ? PREFIX + name : name;
  };
}

/**
 * Matches the keys of a file with the names of a model.
 * @param parameters names of the model's parameters.
 * @param tied second names -> names. Where a second name is a parameter of its own (an untied model) and the file lacks it, it is
 *   filled from the first name's key; otherwise the second name's key serves where the first one is missing.
 */
export function matchKeys(
  tensors: ReadonlyMap<string, StoredTensor>,
  parameters: ReadonlySet<string>,
  tied: ReadonlyMap<string, string>,
): KeyMatch {
  const names = new Set([...parameters, ...tied.keys()]);
  const rename = renamer(tensors.keys(), names);
  const keyOf = new Map<string, string>();
  const [unexpected, ignored]: [string[], string[]] = [[], []];
  for (const key of tensors.keys()) {
    const name = rename(key);
    if (BUFFER.test(key)) ignored.push(key);
    else if (names.has(name) && !keyOf.has(name)) keyOf.set(name, key);
    else unexpected.push(key);
  }
  for (const [alias, name] of tied) {
    const [aliasKey, key] = [keyOf.get(alias), keyOf.get(name)];
    if (parameters.has(alias)) {
      if (aliasKey === undefined && key !== undefined) keyOf.set(alias, key);
    } else if (aliasKey !== undefined) {
      keyOf.delete(alias);
      if (key === undefined) keyOf.set(name, aliasKey);
      else ignored.push(aliasKey);
    }
  }
  return { keyOf, unexpected, ignored };
}

/** Second names of tied parameters whose data in the file is not that of the first. Returns their keys. */
export async function differingTies(
  file: TensorFile,
  parameters: ReadonlySet<string>,
  tied: ReadonlyMap<string, string>,
): Promise<string[]> {
  const { keyOf } = matchKeys(file.tensors, new Set([...parameters, ...tied.keys()]), new Map());
  const differing: string[] = [];
  for (const [alias, name] of tied) {
    const [a, b] = [file.tensors.get(keyOf.get(alias) ?? ''), file.tensors.get(keyOf.get(name) ?? '')];
    if (a === undefined || b === undefined || a.location === b.location) continue;
    if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype || !(await sameBytes(file, a.name, b.name)))
      differing.push(a.name);
  }
  return differing;
}

async function sameBytes(file: TensorFile, a: string, b: string): Promise<boolean> {
  const [x, y] = [await file.readBytes(a), await file.readBytes(b)];
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return x.length === y.length;
}

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
