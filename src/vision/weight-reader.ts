// Reads the weights of a frozen network by name, checks their shapes, and rejects unused ones.
import { tf } from '#tf';
import type { TensorFile } from '../checkpoint/tensor-file.js';
import { CheckpointError } from '../errors.js';
import { firstOf } from '../words.js';

/** Reads weights, and keeps track of which were read. */
export class WeightReader {
  readonly file: TensorFile;
  private readonly seen = new Set<string>();

  constructor(file: TensorFile) {
    this.file = file;
  }

  has(name: string): boolean {
    return this.file.tensors.has(name);
  }

  /** A tensor that the caller owns, float32; see `values`. */
  async read(name: string, shape: readonly (number | null)[]): Promise<tf.Tensor> {
    const { data, shape: found } = await this.values(name, shape);
    return tf.tensor(data, found, 'float32');
  }

  /**
   * The values of a tensor.
   * @param shape null for an axis of any size. @throws CheckpointError when it is missing or has another shape.
   */
  async values(name: string, shape: readonly (number | null)[]): Promise<{ data: Float32Array; shape: number[] }> {
    const stored = this.file.tensors.get(name);
    const expected = `expected "${name}" [${shape.map((size) => size ?? '?').join(', ')}]`;
    if (stored === undefined) {
      throw new CheckpointError(`${this.file.name}: ${expected}, found no such tensor; give a file of this network`);
    }
    const fits =
      stored.shape.length === shape.length && shape.every((size, i) => size === null || size === stored.shape[i]);
    if (!fits) throw new CheckpointError(`${this.file.name}: ${expected}, found [${stored.shape.join(', ')}]`);
    this.seen.add(name);
    return { data: await this.file.readFloat32(name), shape: stored.shape };
  }

  /** @throws CheckpointError naming weights that were not read and that `known` does not match. */
  requireAllRead(known: RegExp): void {
    const left = [...this.file.tensors.keys()].filter((name) => !this.seen.has(name) && !known.test(name));
    if (left.length === 0) return;
    throw new CheckpointError(
      `${this.file.name}: ${left.length} unexpected tensors (${firstOf(left)}); give a file of this network`,
    );
  }
}
