// One input in any form: tensors, raw arrays and nested lists are checked, and become tensors or arrays.
import { tf } from '#tf';
import { errorMessage, ShapeError } from '../../errors.js';
import { warnOnce } from '../../logger.js';
import { type RawTensor, rawTensorProblem } from '../../raw-tensor.js';

/** A tensor in any form: of tfjs (never disposed here), raw, or nested lists of numbers. int64 may come as BigInt64Array. */
export type InputValue = tf.Tensor | RawTensor | { shape: number[]; data: BigInt64Array } | tf.TensorLike;

/** What an input holds, on which its dtype depends. */
export type InputKind = 'ids' | 'mask' | 'values';

/** An input that has passed its own checks. It is used in checks of several inputs, and becomes a tensor or an array. */
export class CheckedInput {
  private constructor(private readonly given: tf.Tensor | RawTensor) {}

  /** Checks the form and dtype of a value. @throws ShapeError that begins with `what` */
  static of(what: string, value: InputValue, kind: InputKind): CheckedInput {
    return new CheckedInput(converted(what, value, kind));
  }

  get shape(): readonly number[] {
    return this.given.shape;
  }

  /** Row-major. Reading those of a tensor waits for its backend. */
  get values(): RawTensor['data'] {
    return this.given instanceof tf.Tensor ? (this.given.dataSync() as RawTensor['data']) : this.given.data;
  }

  /**
   * Calls `check` with the values: immediately, or, for tensors on WebGPU, which can only be read asynchronously, later. An error is then
   * logged as a warning, since the outputs already exist.
   */
  checkValues(check: (values: RawTensor['data']) => void): void {
    const { given } = this;
    if (!(given instanceof tf.Tensor) || tf.getBackend() !== 'webgpu') return check(this.values);
    const copy = tf.keep(tf.clone(given));
    void copy
      .data()
      .then((values) => check(values as RawTensor['data']))
      .catch((error: unknown) => warnOnce(`${errorMessage(error)}; the outputs of that call are wrong`))
      .finally(() => copy.dispose());
  }

  /** The caller's own tensor, or a new one that belongs to the surrounding tidy. */
  toTensor(): tf.Tensor {
    if (this.given instanceof tf.Tensor) return this.given;
    return tf.tensor(this.given.data, this.given.shape, this.given.dtype);
  }

  /** The caller's own array, or the values of a tensor. */
  toArray(): RawTensor {
    if (!(this.given instanceof tf.Tensor)) return this.given;
    return { dtype: this.given.dtype as RawTensor['dtype'], shape: [...this.given.shape], data: this.values };
  }
}

function isRaw(value: InputValue): value is Exclude<InputValue, tf.Tensor | tf.TensorLike> {
  return (
    typeof value === 'object' && value !== null && 'shape' in value && 'data' in value && !(value instanceof tf.Tensor)
  );
}

function converted(what: string, value: InputValue, kind: InputKind): tf.Tensor | RawTensor {
  if (value instanceof tf.Tensor) {
    if (value.isDisposed) throw new ShapeError(`${what}: the tensor was disposed; keep it until the model has run`);
    return requireDType(what, value, kind);
  }
  if (!isRaw(value)) return fromList(what, value, kind === 'ids' ? 'int32' : 'float32');
  const { shape, data } = value;
  const raw =
    data instanceof BigInt64Array
      ? { dtype: 'int32' as const, shape, data: narrowed(what, data) }
      : (value as RawTensor);
  const problem = rawTensorProblem(raw);
  if (problem !== null) throw new ShapeError(`${what}: ${problem}`);
  return requireDType(what, raw, kind);
}

/** Nested lists of numbers, converted as tfjs does. */
function fromList(what: string, value: tf.TensorLike, dtype: 'int32' | 'float32'): RawTensor {
  const wrong = [value].flat(Infinity as 1).find((leaf) => !isNumeric(leaf, dtype));
  if (wrong !== undefined) {
    const wanted = dtype === 'int32' ? 'whole numbers' : 'numbers';
    throw new ShapeError(`${what}: expected lists of ${wanted}, received ${String(wrong).slice(0, 40)} among them`);
  }
  try {
    const tensor = tf.tensor(value, undefined, dtype);
    const data = tensor.dataSync() as RawTensor['data'];
    tensor.dispose();
    return { dtype, shape: tensor.shape, data };
  } catch (error) {
    throw new ShapeError(
      `${what}: expected a tensor, { dtype, shape, data } or lists of numbers of one length (${errorMessage(error).slice(0, 200)})`,
    );
  }
}

/** Whether a leaf of nested lists is a number, or a typed array of them; tfjs would make 0 of text and of null. */
function isNumeric(leaf: unknown, dtype: 'int32' | 'float32'): boolean {
  if (ArrayBuffer.isView(leaf)) return dtype === 'float32' || Array.from(leaf as Float32Array).every(Number.isInteger);
  if (dtype === 'float32') return typeof leaf === 'number' || typeof leaf === 'boolean';
  return Number.isInteger(leaf);
}

function requireDType<T extends tf.Tensor | RawTensor>(what: string, input: T, kind: InputKind): T {
  const allowed = { ids: ['int32'], mask: ['bool', 'int32', 'float32'], values: ['float32'] }[kind];
  if (allowed.includes(input.dtype)) return input;
  throw new ShapeError(`${what}: expected ${allowed.join(' or ')}, received ${input.dtype}; convert it with tf.cast`);
}

function narrowed(what: string, values: BigInt64Array): Int32Array {
  return Int32Array.from(values, (value) => {
    const narrow = Number(value);
    if (narrow !== (narrow | 0)) throw new ShapeError(`${what}: the value ${value} does not fit into int32`);
    return narrow;
  });
}
