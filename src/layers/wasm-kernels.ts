// The one kernel that the WebAssembly backend of tfjs 4.22 lacks and training needs: with it every model trains there too, slowly.
import * as tf from '@tensorflow/tfjs';

/** Adds up rows by segment; negative segments take no part. The gradient of looking rows up in a table. */
tf.registerKernel({
  kernelName: 'UnsortedSegmentSum',
  backendName: 'wasm',
  kernelFunc: ({ inputs, attrs, backend }) => {
    const store = backend as tf.KernelBackend;
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const segments = store.readSync(segmentIds.dataId) as Int32Array;
    const rows = store.readSync(x.dataId) as Float32Array | Int32Array;
    const shape = [attrs?.['numSegments'] as number, ...x.shape.slice(segmentIds.shape.length)];
    const width = tf.util.sizeFromShape(shape.slice(1));
    const size = tf.util.sizeFromShape(shape);
    const sums = x.dtype === 'int32' ? new Int32Array(size) : new Float32Array(size);
    segments.forEach((segment, row) => {
      if (segment < 0) return;
      for (let i = 0; i < width; i++) {
        sums[segment * width + i] = (sums[segment * width + i] as number) + (rows[row * width + i] as number);
      }
    });
    return { dataId: store.write(sums, shape, x.dtype), shape, dtype: x.dtype };
  },
});
