// The kernel `AllFinite` of src/fused.ts: reads a tensor's values without a copy, on all cores.
import { tf } from '#tf';
import type { FusedKernel } from '../../fused.js';
import type { GraphAddon } from '../load/addon.js';

const KERNEL: FusedKernel = 'AllFinite';

/** Registers it for float32 tensors of a backend. */
export function registerAllFinite(backendName: string, addon: Pick<GraphAddon, 'allFinite'>): void {
  tf.registerKernel({
    kernelName: KERNEL,
    backendName,
    kernelFunc: ({ inputs: { x }, backend }) => {
      const { dataId } = x as tf.TensorInfo;
      const values = (backend as tf.KernelBackend).readSync(dataId) as Float32Array;
      return tf.scalar(addon.allFinite(values), 'bool');
    },
  });
}
