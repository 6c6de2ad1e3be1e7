// TensorFlow.js, `#tf` in package.json: in Node the object that `require` returns, which the native kernels share.
import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs';

/** Required, not imported: before an import, Node searches the 7 MB of CommonJS for names of exports, which takes a quarter of a second. */
export const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof TensorFlow;
