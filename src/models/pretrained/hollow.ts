// Tensors with a shape but no data: parameters that are filled from a file need no memory before.
import { tf } from '#tf';
import type { VisualBertConfig } from '../../config/config.js';
import type { WeightInitializer } from '../../layers/initializers.js';

/** Creates a model whose parameters have no data yet. */
export type HollowFactory<M> = (config: VisualBertConfig, initializer: WeightInitializer) => M;

/** Makes hollow tensors. */
export interface HollowTensors {
  /** The initial value of a variable that will be assigned before it is read. */
  create(shape: number[]): tf.Tensor;
  /** Call when all variables have been assigned. */
  dispose(): void;
}

/** All hollow tensors share the data of one scalar. */
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
