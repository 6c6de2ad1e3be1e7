// TensorFlow.js's own weights format for the web: model.json with a manifest, and shards that browsers cache one by one.
import type { ByteSink } from '../byte-sink.js';
import { writeWhole } from '../byte-sink.js';
import type { ByteSource } from '../byte-source.js';
import { CheckpointError, errorMessage } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { DTYPE_BYTES, fromFloat32, isFloating, type StoredDType, toFloat32 } from './dtypes.js';
import { requireBytes, type TensorToWrite } from './safetensors.js';
import { type LocatedTensor, locatedTensorFile, type StoredTensor, type TensorFile } from './tensor-file.js';

/** As tfjs's converter: small enough for the cache of every browser. */
const DEFAULT_SHARD_BYTES = 4 << 20;

/** How weights are made smaller: half precision, or 256 steps between the least and the greatest value of each matrix. */
export type WebQuantization = 'float16' | 'uint8';

interface Affine {
  scale: number;
  min: number;
  /** uint16 is read as int16. */
  isWide: boolean;
}

/** One weight of a manifest. @see https://github.com/tensorflow/tfjs/blob/tfjs-v4.22.0/tfjs-core/src/io/types.ts */
interface WeightEntry {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale?: number; min?: number; original_dtype?: string };
}

/**
 * Opens a model.json; quantised weights are read as float32.
 * @param openShard opens a file that the manifest names.
 * @throws CheckpointError for a manifest that is none, shards of another length, or dtypes without numbers.
 */
export async function openTfjs(
  text: string,
  name: string,
  openShard: (file: string) => Promise<ByteSource>,
): Promise<TensorFile> {
  const fail = (reason: string): never => {
    throw new CheckpointError(`${name}: ${reason}`);
  };
  const groups = parseManifest(text, fail);
  const located = new Map<string, LocatedTensor>();
  const affines = new Map<string, Affine>();
  const sources: ByteSource[] = [];
  try {
    let start = 0;
    for (const { paths, weights } of groups) {
      let at = start;
      for (const weight of weights) {
        const { dtype, affine } = storageOf(weight, fail);
        if (located.has(weight.name)) fail(`weight "${weight.name}" occurs twice`);
        const end = at + sizeOf(weight.shape) * DTYPE_BYTES[dtype];
        located.set(weight.name, { dtype, shape: weight.shape, strides: null, position: at, limit: end });
        if (affine !== null) affines.set(weight.name, affine);
        at = end;
      }
      for (const path of paths) sources.push(await openShard(path));
      start = sources.reduce((total, { size }) => total + size, 0);
      if (start !== at)
        fail(
          `the shards ${paths.slice(0, 3).join(', ')}... hold ${start} bytes, the manifest says ${at}; some are missing or cut off`,
        );
    }
    return withAffine(locatedTensorFile(joinedSource(sources, name), 'tfjs', located), affines);
  } catch (error) {
    for (const source of sources) await source.close();
    throw error;
  }
}

function parseManifest(text: string, fail: (reason: string) => never): { paths: string[]; weights: WeightEntry[] }[] {
  let manifest: unknown;
  try {
    manifest = (JSON.parse(text) as { weightsManifest?: unknown } | null)?.weightsManifest;
  } catch (error) {
    return fail(`is no JSON (${errorMessage(error).slice(0, 120)})`);
  }
  if (!Array.isArray(manifest)) return fail('has no weightsManifest; expected a model.json of TensorFlow.js');
  return manifest.map((group: unknown) => {
    const { paths, weights } = (group ?? {}) as { paths?: unknown; weights?: unknown };
    if (
      !Array.isArray(paths) ||
      !paths.every((path) => typeof path === 'string' && /^[^/\\\0:]+$/.test(path) && path !== '..')
    ) {
      return fail('names shards by something else than file names in the same folder');
    }
    if (!Array.isArray(weights) || !weights.every(isWeightEntry))
      return fail('lists weights without name, shape or dtype');
    return { paths: paths as string[], weights };
  });
}

function isWeightEntry(value: unknown): value is WeightEntry {
  const { name, shape, dtype } = (value ?? {}) as Partial<WeightEntry>;
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  return typeof name === 'string' && typeof dtype === 'string' && isShape && Number.isSafeInteger(sizeOf(shape) * 8);
}

const PLAIN_DTYPES: Readonly<Record<string, StoredDType>> = {
  float32: 'F32',
  int32: 'I32',
  bool: 'BOOL',
  float16: 'F16',
};

function storageOf(
  { name, dtype, quantization }: WeightEntry,
  fail: (reason: string) => never,
): { dtype: StoredDType; affine: Affine | null } {
  const stored = quantization?.dtype ?? dtype;
  const { scale, min } = quantization ?? {};
  if ((stored === 'uint8' || stored === 'uint16') && Number.isFinite(scale) && Number.isFinite(min)) {
    const isWide = stored === 'uint16';
    return { dtype: isWide ? 'I16' : 'U8', affine: { scale: scale as number, min: min as number, isWide } };
  }
  const plain = Object.hasOwn(PLAIN_DTYPES, stored) ? PLAIN_DTYPES[stored] : undefined;
  return plain === undefined
    ? fail(`weight "${name}" has dtype ${stored.slice(0, 40)}; expected numbers`)
    : { dtype: plain, affine: null };
}

/** Undoes quantisation on reading. */
function withAffine(file: TensorFile, affines: ReadonlyMap<string, Affine>): TensorFile {
  const readFloat32: TensorFile['readFloat32'] = async (name, target) => {
    const values = await file.readFloat32(name, target);
    const affine = affines.get(name);
    if (affine === undefined) return values;
    const { scale, min, isWide } = affine;
    for (let i = 0; i < values.length; i++) {
      const step = values[i] as number;
      values[i] = (isWide && step < 0 ? step + 0x10000 : step) * scale + min;
    }
    return values;
  };
  const asRead = (tensor: StoredTensor): StoredTensor =>
    affines.has(tensor.name) ? { ...tensor, dtype: 'F32' } : tensor;
  return {
    ...file,
    tensors: new Map([...file.tensors].map(([name, tensor]) => [name, asRead(tensor)])),
    readFloat32,
    readBytes: async (name) => (affines.has(name) ? fromFloat32('F32', await readFloat32(name)) : file.readBytes(name)),
  };
}

/** Sources one behind the other. */
function joinedSource(sources: readonly ByteSource[], name: string): ByteSource {
  const size = sources.reduce((total, source) => total + source.size, 0);
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    let start = 0;
    for (const source of sources) {
      const [from, to] = [Math.max(offset, start), Math.min(offset + target.byteLength, start + source.size)];
      if (from < to) await source.readInto(target.subarray(from - offset, to - offset), from - start);
      start += source.size;
    }
  };
  return {
    name,
    size,
    readInto,
    read: async (offset, length) => {
      const bytes = new Uint8Array(Math.min(length, size - offset));
      await readInto(bytes, offset);
      return bytes;
    },
    close: async () => {
      for (const source of sources) await source.close();
    },
  };
}

/**
 * Writes shards and, last, model.json, which plain tfjs reads with `tf.io.loadWeights`. Aliases are left out.
 * @param createSink makes the sink of a file.
 * @returns the names of the files written.
 */
export async function writeTfjs(
  createSink: (file: string) => Promise<ByteSink>,
  tensors: Iterable<TensorToWrite>,
  { quantization, shardBytes = DEFAULT_SHARD_BYTES }: { quantization?: WebQuantization; shardBytes?: number } = {},
): Promise<string[]> {
  const list = [...tensors].filter(({ aliasOf }) => aliasOf === undefined);
  const totalBytes = list.reduce(
    (total, { shape, ...tensor }) => total + sizeOf(shape) * DTYPE_BYTES[webDtype({ ...tensor, shape }, quantization)],
    0,
  );
  const count = Math.max(1, Math.ceil(totalBytes / shardBytes));
  const paths = Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
  const weights: WeightEntry[] = [];
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let shard = 0;
  const flush = async (): Promise<void> => {
    const parts = pending;
    await writeWhole(await createSink(paths[shard++] as string), async (sink) => {
      for (const part of parts) await sink.write(part);
    });
    [pending, pendingBytes] = [[], 0];
  };
  for (const tensor of list) {
    const { entry, bytes } = await webWeight(tensor, quantization);
    weights.push(entry);
    for (let at = 0; at < bytes.byteLength;) {
      const part = bytes.subarray(at, at + shardBytes - pendingBytes);
      pending.push(part);
      pendingBytes += part.byteLength;
      at += part.byteLength;
      if (pendingBytes === shardBytes) await flush();
    }
  }
  if (shard < count) await flush();
  const model = {
    format: 'weights',
    generatedBy: 'visualbert-tfjs',
    convertedBy: null,
    modelTopology: null,
    weightsManifest: [{ paths, weights }],
  };
  await writeWhole(await createSink('model.json'), (sink) =>
    sink.write(new TextEncoder().encode(JSON.stringify(model))),
  );
  return [...paths, 'model.json'];
}

/** Biases and norms stay exact: they are few, and every value passes through them. */
function webDtype(
  { dtype, shape }: Pick<TensorToWrite, 'dtype' | 'shape'>,
  quantization: WebQuantization | undefined,
): StoredDType {
  if (!isFloating(dtype)) return dtype === 'BOOL' ? 'BOOL' : 'I32';
  if (quantization === 'uint8' && shape.length > 1) return 'U8';
  return quantization === 'float16' ? 'F16' : 'F32';
}

async function webWeight(
  tensor: TensorToWrite,
  quantization: WebQuantization | undefined,
): Promise<{ entry: WeightEntry; bytes: Uint8Array }> {
  const { name, dtype, shape } = tensor;
  const stored = webDtype(tensor, quantization);
  const raw = await requireBytes(tensor, 'model.json');
  const entry = { name, shape: [...shape] };
  if (stored === 'BOOL') return { entry: { ...entry, dtype: 'bool' }, bytes: raw };
  const values = new Float32Array(sizeOf(shape));
  toFloat32(dtype, raw, values);
  if (stored === 'I32')
    return { entry: { ...entry, dtype: 'int32' }, bytes: new Uint8Array(Int32Array.from(values).buffer) };
  if (stored === 'F32') return { entry: { ...entry, dtype: 'float32' }, bytes: fromFloat32('F32', values) };
  if (stored === 'F16') {
    const half = { dtype: 'float16', original_dtype: 'float32' };
    return { entry: { ...entry, dtype: 'float32', quantization: half }, bytes: fromFloat32('F16', values) };
  }
  const { scale, min, bytes } = quantised(values);
  return {
    entry: { ...entry, dtype: 'float32', quantization: { dtype: 'uint8', scale, min, original_dtype: 'float32' } },
    bytes,
  };
}

/** 256 even steps from the least to the greatest value, moved so that 0 is one of them where it lies between. */
function quantised(values: Float32Array): { scale: number; min: number; bytes: Uint8Array } {
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const range = greatest - least;
  const scale = range > 0 && Number.isFinite(range) ? range / 255 : 1;
  const start = values.length === 0 ? 0 : least < 0 && greatest > 0 ? -Math.round(-least / scale) * scale : least;
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    bytes[i] = Math.min(255, Math.max(0, Math.round(((values[i] as number) - start) / scale)));
  }
  return { scale, min: start, bytes };
}
