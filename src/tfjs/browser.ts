// TensorFlow.js, `#tf` in package.json: in browsers as an ES module, which bundlers can shake.
export * as tf from '@tensorflow/tfjs';
