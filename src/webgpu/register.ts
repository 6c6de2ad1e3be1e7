// The kernels of src/fused.ts that WebGPU has, and its product of matrices, registered with tfjs.
import { tf } from '#tf';
import { UPDATE_KERNELS } from './adamw.js';
import { COLUMN_KERNELS } from './column-sums.js';
import { GELU_KERNELS } from './gelu.js';
import { HEAD_KERNELS } from './head-products.js';
import type { WebGpuBackend, WebGpuKernel } from './kernel.js';
import { LAYER_NORM_KERNELS } from './layer-norm.js';
import { LINEAR_KERNELS } from './linear-products.js';
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
  ...LINEAR_KERNELS,
  ...LOSS_KERNELS,
  ...SQUARE_KERNELS,
  ...UPDATE_KERNELS,
  ...ROI_ALIGN_KERNELS,
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
