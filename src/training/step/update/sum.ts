// Sums of any number of tensors, on every backend.
import * as tf from '@tensorflow/tfjs';

/** WebGPU promises 8 buffers for one kernel; one is for its result. tfjs's AddN binds one for each input, and goes on with wrong sums beyond. */
const MOST_INPUTS = 7;

/** The sum of tensors of one shape, by kernels of few inputs. @throws RangeError for none */
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
