// Reads TensorFlow.js's own weights format for the web: model.json with a manifest, and shards that browsers cache one by one.
import type { ByteSource } from '../byte-source.js';
import { CheckpointError, notJson } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { type DerivedTensor, withDerivedTensors } from './derived-tensors.js';
import { DTYPE_BYTES, fromFloat32, type StoredDType } from '../stored-dtype.js';
import { type LocatedTensor, locatedTensorFile, type TensorFile } from './tensor-file.js';
import { firstOf } from '../words.js';

interface Affine {
  scale: number;
  min: number;
  /** uint16 is read as int16. */
  isWide: boolean;
}

/** One weight of a manifest. @see https://github.com/tensorflow/tfjs/blob/tfjs-v4.22.0/tfjs-core/src/io/types.ts */
export interface WeightEntry {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale?: number; min?: number; original_dtype?: string };
}

/**
 * Opens a model.json; quantised weights are read as float32.
 * @param openShard opens a file that the manifest names.
 * @throws CheckpointError for a malformed manifest, shards of another length, or non-numeric dtypes.
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
        located.set(weight.name, { dtype, shape: weight.shape, strides: null, offset: at, limit: end });
        if (affine !== null) affines.set(weight.name, affine);
        at = end;
      }
      for (const path of paths) sources.push(await openShard(path));
      start = sources.reduce((total, { size }) => total + size, 0);
      if (start !== at)
        fail(`the shards ${firstOf(paths)} hold ${start} bytes, the manifest says ${at}; some are missing or cut off`);
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
    return fail(notJson(error));
  }
  if (!Array.isArray(manifest)) return fail('has no weightsManifest; expected a model.json of TensorFlow.js');
  return manifest.map((group: unknown) => {
    const { paths, weights } = (group ?? {}) as { paths?: unknown; weights?: unknown };
    if (
      !Array.isArray(paths) ||
      !paths.every((path) => typeof path === 'string' && /^[^/\\\0:]+$/.test(path) && path !== '..')
    ) {
      return fail('expected the shards to be file names in the same folder');
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
  const derived = [...affines].map(([name, affine]): [string, DerivedTensor] => {
    const bytes = async (): Promise<Uint8Array> =>
      fromFloat32('F32', dequantised(await file.readFloat32(name), affine));
    return [name, { dtype: 'F32', shape: file.tensors.get(name)?.shape ?? [], bytes }];
  });
  return withDerivedTensors(file, new Map(derived));
}

function dequantised(values: Float32Array, { scale, min, isWide }: Affine): Float32Array {
  for (let i = 0; i < values.length; i++) {
    const step = values[i] as number;
    values[i] = (isWide && step < 0 ? step + 0x10000 : step) * scale + min;
  }
  return values;
}

/** Concatenated sources. */
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
