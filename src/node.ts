// The public surface in Node: everything of `visualbert-tfjs`, plus folders, hub, engine, compiled step, Trainer and data sets.
import { createRequire } from 'node:module';

export * from './index.js';

/** The one copy of TensorFlow.js that the package and the native kernels share: the object that `require('@tensorflow/tfjs')` returns. */
export const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof import('@tensorflow/tfjs');
