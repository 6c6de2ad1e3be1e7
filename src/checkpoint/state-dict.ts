// Finds the state dict in what a torch.save file holds: the dict of tensors itself, or one inside a training wrapper.
import { CheckpointError } from '../errors.js';
import { PickleGlobal, type PickleValue } from '../formats/pickle/pickle-values.js';
import { firstOf } from '../words.js';

/** Names under which training programs store the model's weights, in order of preference. */
const WRAPPER_NAMES = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'module',
  'net',
  'network',
  'weights',
  'params',
  'blobs', // Detectron
];

/** Wrappers nest a few levels at most. */
const MAX_DEPTH = 6;

/** The tensors of a file and where they were found. */
export interface FoundStateDict<T> {
  /** Dotted path inside the file; empty when the file is the state dict. */
  path: string;
  tensors: Map<string, T>;
  /** Its keys that hold no tensor -> what they hold. */
  nonTensors: Map<string, string>;
  /** Paths of other dicts with tensors (optimizer moments and the like), which are left alone. */
  ignored: string[];
}

/**
 * The state dict in an unpickled value.
 * @throws CheckpointError when there is none, or several and none under a usual name.
 */
export function findStateDict<T extends PickleValue>(
  value: PickleValue,
  file: string,
  isTensor: (item: PickleValue) => item is T,
): FoundStateDict<T> {
  const groups = new Map<string, Group<T>>();
  collect(value, '', 0, new Set(), { groups, isTensor });
  const found = groups.has('')
    ? ''
    : groups.size === 1
      ? ([...groups.keys()][0] as string)
      : byUsualName([...groups.keys()]);
  if (groups.size === 0) throw new CheckpointError(`${file}: holds no dict of tensors; expected a state_dict`);
  if (found === undefined) {
    const paths = firstOf([...groups.keys()], 10);
    throw new CheckpointError(
      `${file}: holds several dicts of tensors (${paths}) and none under a usual name (${WRAPPER_NAMES.join(', ')}); save the model's state_dict() alone`,
    );
  }
  const ignored = [...groups.keys()].filter((path) => path !== found);
  return { path: found, ...(groups.get(found) as Group<T>), ignored };
}

/** A dict with tensors in it. */
type Group<T> = Pick<FoundStateDict<T>, 'tensors' | 'nonTensors'>;

function byUsualName(paths: string[]): string | undefined {
  const byDepth = [...paths].sort((a, b) => a.split('.').length - b.split('.').length);
  for (const name of WRAPPER_NAMES) {
    const path = byDepth.find((candidate) => candidate.split('.').at(-1) === name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/** Walks dicts once each (they may refer to one another in circles) and notes those that hold tensors under names. */
function collect<T extends PickleValue>(
  value: PickleValue,
  path: string,
  depth: number,
  seen: Set<PickleValue>,
  into: { groups: Map<string, Group<T>>; isTensor: (item: PickleValue) => item is T },
): void {
  if (!(value instanceof Map) || seen.has(value) || depth > MAX_DEPTH) return;
  seen.add(value);
  const group: Group<T> = { tensors: new Map(), nonTensors: new Map() };
  for (const [key, item] of value) {
    if (typeof key !== 'string' && typeof key !== 'number') continue;
    if (into.isTensor(item)) group.tensors.set(String(key), item);
    else {
      group.nonTensors.set(String(key), kindOf(item));
      collect(item, path === '' ? String(key) : `${path}.${key}`, depth + 1, seen, into);
    }
  }
  if (group.tensors.size > 0) into.groups.set(path, group);
}

/** What a value is, for messages. */
function kindOf(value: PickleValue): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'a boolean';
  if (typeof value === 'number' || typeof value === 'bigint') return 'a number';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Map) return 'a dict';
  if (Array.isArray(value)) return 'a list';
  return value instanceof PickleGlobal ? `the name ${value.toString()}` : 'an object';
}
