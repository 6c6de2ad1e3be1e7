// Weights stored as integers: bitsandbytes' 8 bits are read with their scales, other kinds are rejected by name.
import { fromFloat32, isFloating } from '../../stored-dtype.js';
import { type DerivedTensor, withDerivedTensors } from '../../checkpoint/derived-tensors.js';
import type { StoredTensor, TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import { someKeys } from './explain.js';

/** bitsandbytes scales each row so that its largest absolute value becomes this. */
const LARGEST = 127;

/** `weight_format` of plain rows; the others are tiles for one generation of GPUs. */
const ROW_FORMAT = 0;

/**
 * The file with bitsandbytes' int8 matrices as float32: `W[i, j] = CB[i, j] * SCB[i] / 127`. Its scales are then no longer keys.
 * @throws CheckpointError for scales of another shape or of integers, for scales that are not finite when they are read, and for the tiled formats of old GPUs.
 * @see https://github.com/bitsandbytes-foundation/bitsandbytes `int8_vectorwise_dequant`
 */
export async function withScales(file: TensorFile): Promise<TensorFile> {
  const derived = new Map<string, DerivedTensor>();
  const removed = new Set<string>();
  for (const [key, tensor] of file.tensors) {
    if (tensor.dtype !== 'I8' || !key.endsWith('weight')) continue;
    const scale = [`${key.slice(0, -'weight'.length)}SCB`, `${key}.SCB`].find((name) => file.tensors.has(name));
    if (scale === undefined) continue;
    const format = [`${key}_format`, `${key}.weight_format`].find((name) => file.tensors.has(name));
    if (format !== undefined && (await file.readFloat32(format))[0] !== ROW_FORMAT) {
      throw new CheckpointError(
        `${file.name}: ${key} is stored in tiles of a GPU (${format}); load it in Python with a newer bitsandbytes and save it again`,
      );
    }
    const scales = file.tensors.get(scale) as StoredTensor;
    if (
      tensor.shape.length !== 2 ||
      scales.shape.length !== 1 ||
      scales.shape[0] !== tensor.shape[0] ||
      !isFloating(scales.dtype)
    ) {
      throw new CheckpointError(
        `${file.name}: ${key} [${tensor.shape.join(', ')}] has scales ${scales.dtype} [${scales.shape.join(', ')}] (${scale}); expected one float per row`,
      );
    }
    derived.set(key, { dtype: 'F32', shape: tensor.shape, bytes: () => scaledRows(file, key, scale) });
    removed.add(scale);
    if (format !== undefined) removed.add(format);
  }
  return withDerivedTensors(file, derived, removed);
}

async function scaledRows(file: TensorFile, key: string, scale: string): Promise<Uint8Array> {
  const [values, scales] = [await file.readFloat32(key), await file.readFloat32(scale)];
  const odd = scales.find((value) => !Number.isFinite(value));
  if (odd !== undefined)
    throw new CheckpointError(`${file.name}: ${scale} holds ${odd}; the scales of ${key} are damaged`);
  const width = values.length / scales.length;
  for (let i = 0; i < values.length; i++) {
    values[i] = ((values[i] as number) * (scales[Math.floor(i / width)] as number)) / LARGEST;
  }
  return fromFloat32('F32', values);
}

/** @throws CheckpointError when a key that fills a parameter holds integers: without their scales they are not weights. */
export function requireFloats(file: TensorFile, keys: Iterable<string>): void {
  const integers = [...keys].filter((key) => !isFloating(file.tensors.get(key)?.dtype ?? 'F32'));
  if (integers.length === 0) return;
  const shown = someKeys(integers.map((key) => `${key} ${file.tensors.get(key)?.dtype}`));
  throw new CheckpointError(
    `${file.name}: ${integers.length} weights are stored as integers (${shown}) without their scales in the file; ` +
      'save the model unquantised (in transformers model.dequantize() before save_pretrained)',
  );
}
