// Sums of any number of tensors, on every backend.
import { tf } from '#tf';

/** WebGPU guarantees 8 buffers per kernel, one for the result. tfjs's AddN binds one per input, and silently gives wrong sums beyond. */
const MOST_INPUTS = 7;

/** The sum of tensors of one shape, in groups of few inputs. @throws RangeError for an empty list */
export function sumOf(tensors: readonly tf.Tensor[]): tf.Tensor {
  const [first] = tensors;
  if (first === undefined) throw new RangeError('sumOf: expected at least one tensor');
  if (tensors.length <= MOST_INPUTS) return tf.addN([...tensors]);
  return tf.tidy(() => {
    const parts = Array.from({ length: Math.ceil(tensors.length / MOST_INPUTS) }, (_, i) =>
      tf.addN(tensors.slice(i * MOST_INPUTS, (i + 1) * MOST_INPUTS)),
    );
    return sumOf(parts);
  });
}
