// Pickles of numpy arrays, numbers and plain containers, as MMF and VOLTA store features. They are never executed.
import { readPickle } from './pickle.js';
import { PickleGlobal, type PickleObject, type PickleRules, type PickleValue } from './pickle-values.js';
import { CheckpointError, DataError } from '../../errors.js';
import { decodeBase64 } from '../base64.js';
import { type ArrayLayout, decodeArray, holdsObjects, type NumericArray, readNpyHeader } from '../npy.js';

/** numpy's description of one value, such as `f4`, with a byte order. */
class PickledDType implements PickleObject {
  readonly kind = 'dtype';
  order = '|';
  constructor(readonly code: string) {}
}

/** An array of a pickle: its bytes, or its objects. */
export class PickledArray implements PickleObject {
  readonly kind = 'ndarray';
  layout: ArrayLayout = { dtype: '|O', fortranOrder: false, shape: [0] };
  values: Uint8Array | PickleValue[] = [];
}

type Call = (args: PickleValue[]) => PickleValue;

/** The state that follows `_reconstruct`: version, shape, dtype, Fortran order, bytes or objects. */
function fillArray(array: PickledArray, state: PickleValue): void {
  const [shape, dtype, isFortran, stored] = Array.isArray(state) ? state.slice(-4) : [];
  const values = typeof stored === 'string' ? new TextEncoder().encode(stored) : stored; // bytes of Python 2 that are valid UTF-8
  if (!(values instanceof Uint8Array) && !Array.isArray(values)) throw new Error('an array without values');
  array.layout = { dtype: dtypeText(dtype), fortranOrder: isFortran === true, shape: sizes(shape) };
  array.values = values;
}

const makeScalar: Call = ([dtype, bytes]) => {
  if (!(bytes instanceof Uint8Array)) return null; // a text or an object, not a number
  const layout = { dtype: dtypeText(dtype), fortranOrder: false, shape: [] };
  return decodeArray(layout, bytes, 'a number').data[0] as number;
};

/** Protocol 5: the bytes, then dtype, shape and order. */
const fromBuffer: Call = ([bytes, dtype, shape, order]) => {
  const array = new PickledArray();
  fillArray(array, [shape ?? null, dtype ?? null, order === 'F', bytes ?? null]);
  return array;
};

/** Python 3's form of bytes in protocols before 3. */
const encodeLatin1: Call = ([text, encoding]) => {
  if (typeof text !== 'string' || encoding !== 'latin1') throw new Error('bytes in an unknown encoding');
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
};

/** Calls by their name in numpy 1; numpy 2 has `numpy._core`. */
const CALLS: Readonly<Record<string, Call>> = {
  'numpy.dtype': ([code]) => new PickledDType(String(code)),
  'numpy.core.multiarray._reconstruct': () => new PickledArray(),
  'numpy.core.multiarray.scalar': makeScalar,
  'numpy.core.numeric._frombuffer': fromBuffer,
  '_codecs.encode': encodeLatin1,
  'collections.OrderedDict': ([pairs]) => dictOf(pairs),
  'collections.defaultdict': () => new Map(),
};

const nameOf = (module: string, name: string): string => `${module.replace(/^numpy\._core/, 'numpy.core')}.${name}`;

const RULES: PickleRules = {
  what: 'feature file',
  advice: 'store plain dicts of numpy arrays and numbers',
  findGlobal: (module, name) => {
    const known = nameOf(module, name);
    return Object.hasOwn(CALLS, known) || known === 'numpy.ndarray' ? new PickleGlobal(module, name) : null;
  },
  call: ({ module, name }, args) => {
    const known = nameOf(module, name);
    const call = Object.hasOwn(CALLS, known) ? CALLS[known] : undefined;
    if (call === undefined) throw new Error(`${known} is called, which is not allowed in features; nothing was run`);
    return call(args);
  },
  persistentLoad: () => {
    throw new Error('a reference to something outside the pickle');
  },
  setState: (target, state) => {
    if (target instanceof PickledArray) fillArray(target, state);
    if (target instanceof PickledDType && Array.isArray(state) && typeof state[1] === 'string') target.order = state[1];
  },
};

/**
 * Reads a pickle of dicts, lists, texts, numbers and numpy arrays.
 * @throws DataError naming the offset of anything else; nothing is run.
 */
export function readNumpyPickle(bytes: Uint8Array, name: string): PickleValue {
  try {
    return readPickle(bytes, RULES, name).value;
  } catch (error) {
    if (error instanceof CheckpointError) throw new DataError(error.message);
    throw error;
  }
}

/**
 * The object of a `.npy` that holds one object instead of numbers: `numpy.save(path, { ... })`.
 * @throws DataError when there are several, or none.
 */
export function readNpyObject(bytes: Uint8Array, name: string): PickleValue {
  const header = readNpyHeader(bytes, name);
  const value = holdsObjects(header) ? readNumpyPickle(bytes.subarray(header.dataOffset), name) : null;
  if (value instanceof PickledArray && Array.isArray(value.values) && value.values.length === 1)
    return value.values[0] as PickleValue;
  throw new DataError(`${name}: expected one Python dict, saved with numpy.save(path, { ... })`);
}

/**
 * A number, a numpy array, or base64 of float32 (flat, as bottom-up attention writes arrays). Null for anything else.
 * @throws DataError when an array has fewer bytes than its shape says, and for a text that is not base64.
 */
export function numbersOf(value: PickleValue | undefined, name: string): NumericArray | null {
  if (typeof value === 'number' || typeof value === 'bigint')
    return { shape: [], data: Float32Array.of(Number(value)) };
  if (value instanceof PickledArray && value.values instanceof Uint8Array)
    return decodeArray(value.layout, value.values, name);
  if (!(typeof value === 'string' || value instanceof Uint8Array)) return null;
  const bytes = decodeBase64(typeof value === 'string' ? value : Buffer.from(value).toString('latin1'), name);
  if (bytes.byteLength % 4 !== 0)
    throw new DataError(`${name}: expected base64 of float32 values, found ${bytes.byteLength} bytes`);
  return decodeArray({ dtype: '<f4', fortranOrder: false, shape: [bytes.byteLength / 4] }, bytes, name);
}

function dtypeText(dtype: PickleValue | undefined): string {
  if (!(dtype instanceof PickledDType)) throw new Error('an array without a dtype');
  return `${dtype.order}${dtype.code}`;
}

function sizes(shape: PickleValue | undefined): number[] {
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0))
    throw new Error('an array without a shape');
  return shape as number[];
}

function dictOf(pairs: PickleValue | undefined): Map<PickleValue, PickleValue> {
  const dict = new Map<PickleValue, PickleValue>();
  if (Array.isArray(pairs))
    for (const pair of pairs) if (Array.isArray(pair)) dict.set(pair[0] as PickleValue, pair[1] as PickleValue);
  return dict;
}
