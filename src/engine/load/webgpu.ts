// WebGPU in Node: tfjs's backend over Dawn, which the package webgpu contains for Linux, macOS and Windows.
import { createRequire } from 'node:module';
import { EngineError, errorMessage } from '../../errors.js';
import { installedFile } from './paths.js';

/**
 * Registers tfjs's WebGPU backend, which chooses the device.
 * @throws EngineError when one of the two packages is not installed, or there is no device
 */
export async function importWebGpu(): Promise<void> {
  const backend = installedFile('@tensorflow/tfjs-backend-webgpu');
  if (backend === null) throw missing('@tensorflow/tfjs-backend-webgpu is not installed');
  const gpu = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu ?? (await dawn());
  if ((await gpu.requestAdapter()) === null) {
    throw new EngineError(
      'backend webgpu: there is no WebGPU device. It needs the driver of the graphics card; on Linux also Vulkan (Debian: apt-get install libvulkan1).',
    );
  }
  createRequire(import.meta.url)(backend); // registers itself, since there is a navigator.gpu
}

/** Dawn as `navigator.gpu`, where tfjs looks for it. Must stay referenced: the process crashes when it is garbage-collected. */
async function dawn(): Promise<GPU> {
  const { create, globals } = await import('webgpu').catch((error: unknown): never => {
    throw missing(errorMessage(error).split(/ imported from |\n/)[0] ?? '', error);
  });
  Object.assign(globalThis, globals);
  const gpu = create([]);
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
  return gpu;
}

function missing(problem: string, cause?: unknown): EngineError {
  return new EngineError(
    `backend webgpu: two packages are needed: \`npm install webgpu @tensorflow/tfjs-backend-webgpu@4.22\` (${problem}).`,
    { cause },
  );
}
