// Identifies an engine: TensorFlow's version, the device kind and the machine.
import { EngineError } from '../../errors.js';

/** What an engine computes on: `gpu` adds the CUDA 12 and cuDNN 9 libraries. */
export const DEVICE_KINDS = ['cpu', 'gpu'] as const;
/** What an engine computes on. */
export type DeviceKind = (typeof DEVICE_KINDS)[number];

/** @throws EngineError for an unknown device. @param what the setting that names it, for the error. */
export function requireDeviceKind(what: string, name: string): DeviceKind {
  const known = DEVICE_KINDS.find((kind) => kind === name);
  if (known !== undefined) return known;
  throw new EngineError(`${what}: expected ${DEVICE_KINDS.join(' or ')}, received '${name}'.`);
}

/** The TensorFlow version that the package is tested with. */
export const DEFAULT_TENSORFLOW = '2.21.0';

/** The key of one set of TensorFlow libraries. */
export interface EngineId {
  /** TensorFlow's version, as `2.21.0`. */
  tensorflow: string;
  device: DeviceKind;
  platform: NodeJS.Platform;
  arch: string;
}
