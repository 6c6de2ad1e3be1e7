// Arrays for filling tensors: one shared array where the backend copies its input, one for each tensor where it keeps it.
import { tf } from '#tf';

/** Arrays of this size and above are shared where the backend copies; smaller tensors always get their own array. */
const PROBE_ELEMENTS = 1 << 15;

/** Provides arrays to be filled and passed to `tf.tensor` at once. */
export interface Filler {
  /** An array of `size` elements, valid until the next call (or the next but one). */
  array(size: number): Float32Array;
}

/** Makes a filler for the active backend. */
export function createFiller(): Filler {
  const isCopied = backendCopies();
  let shared = new Float32Array();
  return {
    array: (size) => {
      if (!isCopied || size < PROBE_ELEMENTS) return new Float32Array(size);
      if (shared.length < size) shared = new Float32Array(size);
      return shared.subarray(0, size);
    },
  };
}

/** Arrays above this size are not kept. */
const KEPT_ELEMENTS = 4 << 20;

/** Provides two arrays in turn, for values that are copied before the next but one is requested. */
export function createSwap(): Filler {
  let [last, next] = [new Float32Array(), new Float32Array()];
  return {
    array: (size) => {
      if (size > KEPT_ELEMENTS) return new Float32Array(size);
      [last, next] = [next, last];
      if (last.length < size) last = new Float32Array(size);
      return last.subarray(0, size);
    },
  };
}

/** Whether the active backend copies an array when it becomes a tensor, tested by changing the array afterwards. */
function backendCopies(): boolean {
  const values = new Float32Array(PROBE_ELEMENTS);
  const tensor = tf.tensor1d(values);
  values[0] = 1;
  const seen = tensor.dataSync()[0];
  tensor.dispose();
  return seen === 0;
}
