// Writes TensorFlow.js's own weights format for the web: plain tfjs reads it, and browsers cache its shards one by one.
import { type ByteSink, writeWhole } from '../byte-sink.js';
import { sizeOf } from '../shapes.js';
import { DTYPE_BYTES, fromFloat32, isFloating, type StoredDType, toFloat32 } from '../stored-dtype.js';
import { requireBytes, type TensorToWrite } from './safetensors.js';
import type { WeightEntry } from './tfjs-reader.js';

/** As tfjs's converter: small enough for the cache of every browser. */
const DEFAULT_SHARD_BYTES = 4 << 20;

/** How weights are compressed: half precision, or 256 steps between the minimum and the maximum of each matrix. */
export const WEB_QUANTIZATIONS = ['float16', 'uint8'] as const;
/** How the weights of the web format are made smaller. */
export type WebQuantization = (typeof WEB_QUANTIZATIONS)[number];

/**
 * Writes shards and, last, model.json, which plain tfjs reads with `tf.io.loadWeights`. Tied tensors are left out.
 * @param createSink makes the sink of a file.
 * @returns the names of the files written.
 */
export async function writeTfjs(
  createSink: (file: string) => Promise<ByteSink>,
  tensors: Iterable<TensorToWrite>,
  { quantization, shardBytes = DEFAULT_SHARD_BYTES }: { quantization?: WebQuantization; shardBytes?: number } = {},
): Promise<string[]> {
  const list = [...tensors].filter(({ tiedTo }) => tiedTo === undefined);
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

/** Biases and norms stay exact: they are small, and every activation passes through them. */
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

/** 256 even steps from the minimum to the maximum, shifted so that 0 is one of them if it lies between. */
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
