// What a detector takes from a browser: less than from Node (host/node.ts).
import { ConfigError, EngineError } from '../../errors.js';
import type { RgbImage } from '../../pictures/rgb-image.js';
import type { DetectorPass } from '../detector/detector-pass.js';

/** Files are decoded by the page, which has its own means for it. @throws ConfigError always */
export function loadPicture(): Promise<RgbImage> {
  return Promise.reject(
    new ConfigError(
      'RegionDetector: expected pixels, { width, height, rgb }, received a picture file, which is not decoded in a browser; draw it on a canvas and give its pixels',
    ),
  );
}

/** Nothing is recorded in a browser. */
export function canCompileDetector(): boolean {
  return false;
}

/** @throws EngineError always */
export function createCompiledPass(): Promise<DetectorPass> {
  return Promise.reject(new EngineError('RegionDetector: only the native engine of Node compiles; leave compile out'));
}
