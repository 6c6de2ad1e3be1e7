// Tensors that have a shape and, until somebody looks, no data: parameters to be filled from a file need no memory before.
import * as tf from '@tensorflow/tfjs';

/** A backend that stores nothing: every tensor of it is zeros, made when another backend asks for them. */
class HollowBackend extends tf.KernelBackend {
  private readonly sizes = new WeakMap<tf.DataId, number>();
  private readonly disposals = new WeakMap<tf.DataId, number>();

  create(shape: number[]): tf.Tensor {
    const dataId: tf.DataId = {};
    this.sizes.set(dataId, tf.util.sizeFromShape(shape));
    return tf.engine().makeTensorFromDataId(dataId, shape, 'float32', this);
  }
  override readSync(dataId: object): Float32Array {
    return new Float32Array(this.sizes.get(dataId) ?? 0);
  }
  override refCount(): number {
    return 1;
  }
  /** Two owners: the tensor made here and the variable made from it (whose claim tfjs reports to the active backend, not here). */
  override disposeData(dataId: object, force = false): boolean {
    const disposals = (this.disposals.get(dataId) ?? 0) + 1;
    this.disposals.set(dataId, disposals);
    return force || disposals >= 2;
  }
}

const backend = new HollowBackend();

/** The first value of a variable that will be assigned before it is read. */
export function hollowTensor(shape: number[]): tf.Tensor {
  return backend.create(shape);
}
