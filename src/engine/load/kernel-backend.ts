// The native backend of tfjs: tfjs-node's class over our binding.
import type * as tf from '@tensorflow/tfjs';
import type { TfjsBinding } from './binding.js';
import { loadTfjsNode, type NativeEngine } from './native.js';

/** What tfjs-node knows about one tensor. `values` is not null until the first op needs them; TensorFlow then shares their memory where it is aligned. */
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

/** The name of the binding's package in tfjs-node; it has no effect here. */
const PACKAGE_NAME = '@tensorflow/tfjs-node-gpu';

/** The class of tfjs-node's backend, its kernels registered. */
export function nodeKernelBackendClass(): new (binding: TfjsBinding, packageName: string) => NodeKernelBackend {
  return loadTfjsNode().NodeJSKernelBackend as new (binding: TfjsBinding, packageName: string) => NodeKernelBackend;
}

/** The backend to be registered as `tensorflow`. */
export function createKernelBackend({ binding }: NativeEngine): NodeKernelBackend {
  return new (nodeKernelBackendClass())(binding, PACKAGE_NAME);
}
