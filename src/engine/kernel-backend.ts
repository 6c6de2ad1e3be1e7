// The native backend of tfjs: tfjs-node's, with large tensors handed to TensorFlow at once.
import type * as tf from '@tensorflow/tfjs';
import type { TfjsBinding } from './binding.js';
import { loadTfjsNode, type NativeEngine } from './native.js';

/** Bytes from which an array is handed over when it is written. tfjs-node waits for the first op, so loading a model would hold every weight in JavaScript. */
const UPLOAD_AT_ONCE_BYTES = 1 << 16;

/** What tfjs-node knows about one tensor. `values` is not null until the first op needs them. */
export interface TensorRecord {
  shape: number[];
  dtype: number;
  values: tf.BackendValues | null;
  id: number;
  refCount: number;
}

/** tfjs-node's backend class as its source declares it. */
export interface NodeKernelBackend extends tf.KernelBackend {
  readonly binding: TfjsBinding;
  readonly tensorMap: tf.DataStorage<TensorRecord>;
  executeSingleOutput(name: string, attributes: readonly unknown[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly unknown[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
}

/** The name that tfjs-node gives the binding's package; it decides nothing here. */
const PACKAGE_NAME = '@tensorflow/tfjs-node-gpu';

/** The class of tfjs-node's backend, its kernels registered. */
export function nodeKernelBackendClass(): new (binding: TfjsBinding, packageName: string) => NodeKernelBackend {
  return loadTfjsNode().NodeJSKernelBackend as new (binding: TfjsBinding, packageName: string) => NodeKernelBackend;
}

/** The backend to be registered as `tensorflow`. */
export function createKernelBackend({ binding }: NativeEngine): NodeKernelBackend {
  class EagerBackend extends nodeKernelBackendClass() {
    override move(
      dataId: tf.DataId,
      values: tf.BackendValues,
      shape: number[],
      dtype: tf.DataType,
      refCount: number,
    ): void {
      super.move(dataId, values, shape, dtype, refCount);
      const record = this.tensorMap.get(dataId);
      if (dtype === 'string' || !ArrayBuffer.isView(values) || values.byteLength < UPLOAD_AT_ONCE_BYTES) return;
      record.id = this.binding.createTensor(shape, record.dtype, values);
      record.values = null;
    }
  }
  return new EagerBackend(binding, PACKAGE_NAME);
}
