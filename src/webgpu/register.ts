// The kernels of src/fused.ts that WebGPU has, registered with tfjs.
import { tf } from '#tf';
import { UPDATE_KERNELS } from './adamw.js';
import { COLUMN_KERNELS } from './column-sums.js';
import { GELU_KERNELS } from './gelu.js';
import { HEAD_KERNELS } from './head-products.js';
import type { Inputs, WebGpuBackend, WebGpuKernel } from './kernel.js';
import { LAYER_NORM_KERNELS } from './layer-norm.js';
import { LOSS_KERNELS } from './losses.js';
import { RANDOM_KERNELS } from './philox.js';
import { ROI_ALIGN_KERNELS } from './roi-align.js';
import { SOFTMAX_KERNELS } from './softmax.js';
import { SQUARE_KERNELS } from './sum-of-squares.js';

const KERNELS: Readonly<Record<string, WebGpuKernel>> = {
  ...RANDOM_KERNELS,
  ...GELU_KERNELS,
  ...COLUMN_KERNELS,
  ...LAYER_NORM_KERNELS,
  ...SOFTMAX_KERNELS,
  ...HEAD_KERNELS,
  ...LOSS_KERNELS,
  ...SQUARE_KERNELS,
  ...UPDATE_KERNELS,
  ...ROI_ALIGN_KERNELS,
  /** tfjs's own product with a bias: one dispatch where matMul and add are two. */
  FusedLinear: (backend: WebGpuBackend, { x, weight, bias }: Inputs<'x' | 'weight' | 'bias'>) => {
    const product = tf.getKernel('_FusedMatMul', 'webgpu')?.kernelFunc({
      inputs: { a: x, b: weight, bias },
      attrs: { transposeA: false, transposeB: true, activation: 'linear' },
      backend,
    });
    return [product as tf.TensorInfo];
  },
};

/** Registers them; they replace kernels of the same name. */
export function registerWebGpuKernels(): void {
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    if (tf.getKernel(kernelName, 'webgpu') !== undefined) tf.unregisterKernel(kernelName, 'webgpu');
    tf.registerKernel({
      kernelName,
      backendName: 'webgpu',
      kernelFunc: ({ inputs, attrs, backend }) => {
        const results = kernel(backend as WebGpuBackend, inputs as never, attrs ?? {});
        return results.length === 1 ? (results[0] as tf.TensorInfo) : results;
      },
    });
  }
}
