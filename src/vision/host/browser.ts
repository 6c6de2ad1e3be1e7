// Platform functions of a detector in a browser; Node has more (host/node.ts).
import { ConfigError, EngineError } from '../../errors.js';
import type { RgbImage } from '../../pictures/rgb-image.js';
import type { DetectorPass } from '../detector/detector-pass.js';

/** Not supported: pages decode files themselves. @throws ConfigError always */
export function loadPicture(): Promise<RgbImage> {
  return Promise.reject(
    new ConfigError(
      'RegionDetector: expected pixels, { width, height, rgb }, received a picture file, which browsers do not decode here; draw it on a canvas and give its pixels',
    ),
  );
}

/** Graphs are not recorded in a browser. */
export function canCompileDetector(): boolean {
  return false;
}

/** @throws EngineError always */
export function createCompiledPass(): Promise<DetectorPass> {
  return Promise.reject(new EngineError('RegionDetector: only the native engine of Node compiles; leave compile out'));
}
