// Removes the prefixes that PyTorch programs leave in parameter names when they wrap a model, with one table for all checkpoints.
import { CheckpointError } from '../../errors.js';
import { firstOf } from '../../words.js';

/** Modules that wrap others: each adds its attribute to the path of everything inside, at any depth and several at once. */
export const WRAPPERS: Readonly<Record<string, string>> = {
  module: 'DataParallel, DistributedDataParallel, DeepSpeed or AveragedModel',
  _orig_mod: 'torch.compile',
  _fsdp_wrapped_module: 'FSDP',
  _fpw_module: "FairScale's FSDP",
  _checkpoint_wrapped_module: 'activation checkpointing',
  _forward_module: 'Lightning Fabric',
  _original_module: 'Lightning Fabric',
  _module: 'Opacus',
};

/** Names before PyTorch had settled on weight and bias. */
const OLD_NAMES: readonly (readonly [RegExp, string])[] = [
  [/LayerNorm\.gamma$/, 'LayerNorm.weight'],
  [/LayerNorm\.beta$/, 'LayerNorm.bias'],
];

/** Names that hold no parameter, and what they hold. */
const BUFFERS: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)position_ids$/, 'a buffer that counts positions, not a weight'],
  [/^n_averaged$/, 'the number of models averaged, not a weight'],
];

/** What a buffer holds; null for the name of a parameter. */
export function bufferMeaning(name: string): string | null {
  return BUFFERS.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/** Keys of a checkpoint without the names of wrappers. */
export interface UnwrappedKeys {
  /** Key -> name inside the model, in the order of the file. Keys outside of the attribute that holds the model keep their names. */
  nameOf: ReadonlyMap<string, string>;
  /** What was removed, for reports: `_orig_mod. (torch.compile)`, `model. (the attribute that held the model)`. */
  taken: string[];
}

/**
 * Removes wrappers, then the attribute path under which a training program (such as a LightningModule) held the model.
 * @param marks names by which a model is recognised, in order of preference. The attribute path is what comes before such a name.
 * @throws CheckpointError when two keys become one name, or several attributes hold a model.
 */
export function unwrapKeys(file: string, keys: Iterable<string>, marks: readonly RegExp[]): UnwrappedKeys {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const key of keys) {
    const segments = key.split('.');
    for (const segment of segments) if (isWrapper(segment)) taken.add(`${segment}. (${WRAPPERS[segment]})`);
    const name = segments.filter((segment) => !isWrapper(segment)).join('.');
    names.set(
      key,
      OLD_NAMES.reduce((renamed, [from, to]) => renamed.replace(from, to), name),
    );
  }
  const attribute = attributeOf(file, [...names.values()], marks);
  if (attribute !== '') taken.add(`${attribute} (the attribute that held the model)`);
  const nameOf = new Map<string, string>();
  const keyOf = new Map<string, string>();
  for (const [key, name] of names) {
    const inside = name.startsWith(attribute) ? name.slice(attribute.length) : name;
    const other = keyOf.get(inside);
    if (other !== undefined) throw new CheckpointError(`${file}: keys "${other}" and "${key}" both mean ${inside}`);
    keyOf.set(inside, key);
    nameOf.set(key, inside);
  }
  return { nameOf, taken: [...taken] };
}

function isWrapper(segment: string): boolean {
  return Object.hasOwn(WRAPPERS, segment);
}

/** The path before the names by which a model is recognised; empty when some need none. */
function attributeOf(file: string, names: readonly string[], marks: readonly RegExp[]): string {
  if (names.some((name) => marks.some((mark) => mark.test(name)))) return '';
  for (const mark of marks) {
    const attributes = new Set(names.flatMap((name) => pathBefore(mark, name) ?? []));
    if (attributes.size > 1) {
      throw new CheckpointError(
        `${file}: holds several models, under ${firstOf([...attributes], 8)}; save the state_dict() of one of them`,
      );
    }
    for (const attribute of attributes) return attribute;
  }
  return '';
}

/** The shortest prefix, dot included, after which a name counts as a mark. */
function pathBefore(mark: RegExp, name: string): string | null {
  for (let at = name.indexOf('.') + 1; at > 0; at = name.indexOf('.', at) + 1) {
    if (mark.test(name.slice(at))) return name.slice(0, at);
  }
  return null;
}
