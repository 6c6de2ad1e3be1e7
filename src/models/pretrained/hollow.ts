// Tensors that have a shape and no data yet: parameters to be filled from a file need no memory before.
import * as tf from '@tensorflow/tfjs';

/** Makes hollow tensors. */
export interface HollowTensors {
  /** The first value of a variable that will be assigned before it is read. */
  create(shape: number[]): tf.Tensor;
  /** To be called when all variables have been assigned. */
  dispose(): void;
}

/** All hollow tensors claim the data of one scalar, whatever their shapes. */
export function hollowTensors(): HollowTensors {
  const scalar = tf.scalar(0);
  return {
    create: (shape) => {
      tf.backend().incRef(scalar.dataId);
      return tf.engine().makeTensorFromDataId(scalar.dataId, shape, 'float32');
    },
    dispose: () => scalar.dispose(),
  };
}
