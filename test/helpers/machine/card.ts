// The device of the gpu tier: an NVIDIA card, or a rehearsal without one.
import { loadNative } from '../../../src/engine/load/native.js';
import { selectBackend } from '../../../src/engine/select-backend.js';

/** Set by `npm run gpu-report -- --dry`: TensorFlow's GPU libraries compute on the CPU what is recorded for a card. */
export const isRehearsal = process.env['VISUALBERT_GPU_REHEARSAL'] === '1';

/** Selects the card; in a rehearsal the CPU, with the operations of a card. */
export function selectCard(): ReturnType<typeof selectBackend> {
  if (isRehearsal) loadNative({ device: 'gpu' }).binding.isUsingGpuDevice = () => true; // kernels are chosen by it
  return selectBackend({ device: 'gpu' });
}
