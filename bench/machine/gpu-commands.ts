// Counts the commands sent to a WebGPU device: compute dispatches, submissions, buffers, and copies to the host.
import { tf } from '#tf';

export interface GpuCommands {
  dispatches: number;
  submissions: number;
  /** Bytes of buffers that were allocated because none of their size was free. */
  allocatedBytes: number;
  /** Copies from the device to the host, and their bytes. */
  reads: number;
  readBytes: number;
}

interface Buffer {
  readonly size: number;
  mapAsync(mode: number): Promise<void>;
}

/** The wrapped methods of a device, which still work as before. */
interface Device {
  readonly queue: { submit(commands: unknown): void };
  createBuffer(descriptor: { size: number }): Buffer;
  createCommandEncoder(): { beginComputePass(descriptor: object): { dispatchWorkgroups(...counts: number[]): void } };
}

const MAP_READ = 1;

/**
 * Counts from now on, on the device of the current backend, which has to be WebGPU's. Returns the counts since the last call.
 * @param isDry dispatches are counted and left out: all numbers are then wrong, and a step of any size is counted in seconds
 */
export function countGpuCommands({ isDry = false } = {}): () => GpuCommands {
  const none: GpuCommands = { dispatches: 0, submissions: 0, allocatedBytes: 0, reads: 0, readBytes: 0 };
  let counts = { ...none };
  const { device } = tf.backend() as unknown as { device: Device };
  const { queue } = device;
  const submit = queue.submit.bind(queue);
  queue.submit = (commands) => {
    counts.submissions++;
    submit(commands);
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    counts.allocatedBytes += descriptor.size;
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (mode) => {
      if (mode === MAP_READ) {
        counts.reads++;
        counts.readBytes += buffer.size;
      }
      return mapAsync(mode);
    };
    return buffer;
  };
  const createCommandEncoder = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = () => {
    const encoder = createCommandEncoder();
    const beginComputePass = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (descriptor) => {
      const pass = beginComputePass(descriptor);
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (...groups) => {
        counts.dispatches++;
        if (!isDry) dispatch(...groups);
      };
      return pass;
    };
    return encoder;
  };
  return () => {
    const taken = counts;
    counts = { ...none };
    return taken;
  };
}
