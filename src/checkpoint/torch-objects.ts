// The names allowed in torch.save's pickles: storages, tensors as views of them, and a few inert containers.
import type { StoredDType } from '../stored-dtype.js';
import { PickleGlobal, type PickleRules, type PickleValue } from '../formats/pickle/pickle-values.js';

/** A block of numbers next to the pickle. */
export class TorchStorage {
  readonly kind = 'storage';
  constructor(
    /** Its name in the archive. */
    readonly key: string,
    /** Null for a type that this package does not read (complex, quantised). */
    readonly dtype: StoredDType | null,
    /** The name of its type, for errors. */
    readonly typeName: string,
    readonly elements: number,
    /** First element of a legacy view inside its root storage. */
    readonly viewOffset = 0,
  ) {}
}

/** A strided view of a storage. */
export class TorchTensor {
  readonly kind = 'tensor';
  constructor(
    readonly storage: TorchStorage,
    /** In elements of the storage. */
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
    readonly dtype: StoredDType | null,
  ) {}
}

const STORAGE_DTYPES: Readonly<Record<string, StoredDType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  UntypedStorage: 'U8',
};

const TORCH_DTYPES: Readonly<Record<string, StoredDType>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

/** A value of a pickle that is not needed: a metric, a path, a device. */
const OPAQUE = { kind: 'opaque' } as const;

type Call = (args: PickleValue[]) => PickleValue;

const makeDict: Call = ([pairs]) => {
  const dict = new Map<PickleValue, PickleValue>();
  if (pairs instanceof Map) return new Map(pairs);
  if (Array.isArray(pairs)) {
    for (const pair of pairs)
      if (Array.isArray(pair) && pair.length === 2) dict.set(pair[0] as PickleValue, pair[1] as PickleValue);
  }
  return dict;
};
const makeList: Call = ([items]) => (Array.isArray(items) ? [...items] : []);
const makeOpaque: Call = () => OPAQUE;

const rebuildTensor: Call = ([storage, offset, shape, strides]) => {
  if (!(storage instanceof TorchStorage)) throw new Error('a tensor without a storage');
  return new TorchTensor(
    storage,
    natural(offset),
    naturals(shape),
    sameLength(naturals(strides), shape),
    storage.dtype,
  );
};
const rebuildTensorWithDtype: Call = ([storage, offset, shape, strides, , , dtype]) => {
  if (!(storage instanceof TorchStorage) || !(dtype instanceof PickleGlobal))
    throw new Error('a tensor without storage or dtype');
  return new TorchTensor(
    storage,
    natural(offset),
    naturals(shape),
    sameLength(naturals(strides), shape),
    TORCH_DTYPES[dtype.name] ?? null,
  );
};
const rebuildParameter: Call = ([tensor]) => {
  if (!(tensor instanceof TorchTensor)) throw new Error('a parameter without a tensor');
  return tensor;
};
const rebuildFromType: Call = ([rebuild, , args]) => {
  if (!(rebuild instanceof PickleGlobal) || !Array.isArray(args))
    throw new Error('a tensor subclass without a way to build it');
  return callTorch(rebuild, args);
};

/** Every callable that a checkpoint may name, and what it means here. */
const CALLS: Readonly<Record<string, Call>> = {
  'collections.OrderedDict': makeDict,
  'collections.Counter': makeDict,
  'collections.defaultdict': () => new Map(),
  'argparse.Namespace': () => new Map(),
  // Lightning's hyper_parameters: a dict whose items are its attributes
  'pytorch_lightning.utilities.parsing.AttributeDict': makeDict,
  'lightning.pytorch.utilities.parsing.AttributeDict': makeDict,
  'lightning_fabric.utilities.data.AttributeDict': makeDict,
  'lightning.fabric.utilities.data.AttributeDict': makeDict,
  'torch._utils._rebuild_tensor': rebuildTensor,
  'torch._utils._rebuild_tensor_v2': rebuildTensor,
  'torch._utils._rebuild_tensor_v3': rebuildTensorWithDtype,
  'torch._utils._rebuild_parameter': rebuildParameter,
  'torch._utils._rebuild_parameter_with_state': rebuildParameter,
  'torch._tensor._rebuild_from_type_v2': rebuildFromType,
  'torch.Size': makeList,
  'torch.device': makeOpaque,
  'builtins.set': makeList,
  'builtins.frozenset': makeList,
  '__builtin__.set': makeList,
  '__builtin__.frozenset': makeList,
  '_codecs.encode': makeOpaque,
  'pathlib.Path': makeOpaque,
  'pathlib.PosixPath': makeOpaque,
  'pathlib.WindowsPath': makeOpaque,
  'pathlib.PurePosixPath': makeOpaque,
  'numpy.dtype': makeOpaque,
  'numpy.core.multiarray.scalar': makeOpaque,
  'numpy._core.multiarray.scalar': makeOpaque,
  'numpy.core.multiarray._reconstruct': makeOpaque,
  'numpy._core.multiarray._reconstruct': makeOpaque,
};

/** Names that occur as values and are never called. */
const NAMES = new Set([
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'numpy.ndarray',
  'builtins.int',
  'builtins.float',
  'builtins.list',
  'builtins.dict',
  '__builtin__.list',
  '__builtin__.dict',
  '__builtin__.int',
  ...Object.keys(TORCH_DTYPES).map((name) => `torch.${name}`),
]);

function isStorageType(module: string, name: string): boolean {
  return /^torch(\.cuda|\.storage)?$/.test(module) && /^[A-Za-z0-9]+Storage$/.test(name);
}

function callTorch(callee: PickleGlobal, args: PickleValue[]): PickleValue {
  const name = callee.toString();
  const call = Object.hasOwn(CALLS, name) ? CALLS[name] : undefined;
  if (call === undefined) throw new Error(`"${name}" is called, which is not allowed in a checkpoint; nothing was run`);
  return call(args);
}

/** The rules for the pickles of torch.save: the allow-list above, and persistent ids that name storages. */
export const TORCH_RULES: PickleRules = {
  what: 'checkpoint',
  advice: 'save the plain state_dict() again with torch.save',
  findGlobal: (module, name) => {
    const full = `${module}.${name}`;
    return Object.hasOwn(CALLS, full) || NAMES.has(full) || isStorageType(module, name)
      ? new PickleGlobal(module, name)
      : null;
  },
  call: callTorch,
  persistentLoad: (id) => {
    if (!Array.isArray(id) || id[0] !== 'storage') throw new Error('a reference to something that is not a storage');
    const [, type, key, , elements, view] = id;
    if (!(type instanceof PickleGlobal) || !isStorageType(type.module, type.name) || typeof key !== 'string') {
      throw new Error('a storage without a type or a name');
    }
    const viewOffset = Array.isArray(view) ? natural(view[1]) : 0;
    return new TorchStorage(key, STORAGE_DTYPES[type.name] ?? null, type.name, natural(elements), viewOffset);
  },
};

function natural(value: PickleValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Error(`a size or offset of ${String(value).slice(0, 40)}`);
  }
  return value;
}

function naturals(value: PickleValue | undefined): number[] {
  if (!Array.isArray(value)) throw new Error('a tensor without a shape');
  return value.map(natural);
}

function sameLength(strides: number[], shape: PickleValue | undefined): number[] {
  if (!Array.isArray(shape) || shape.length !== strides.length)
    throw new Error('a tensor whose strides do not match its shape');
  return strides;
}
