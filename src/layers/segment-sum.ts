// Sums rows by segment, the gradient of a table lookup, where tfjs 4.22 lacks it (wasm) or takes quadratic time (cpu). With it every
// model can be trained on those backends too, slowly.
import { tf } from '#tf';

const UNSORTED_SEGMENT_SUM = 'UnsortedSegmentSum';

for (const backendName of ['cpu', 'wasm']) {
  if (tf.getKernel(UNSORTED_SEGMENT_SUM, backendName) !== undefined) {
    tf.unregisterKernel(UNSORTED_SEGMENT_SUM, backendName);
  }
  tf.registerKernel({
    kernelName: UNSORTED_SEGMENT_SUM,
    backendName,
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
        if (segment < 0) return; // negative segments are ignored
        for (let i = 0; i < width; i++) {
          sums[segment * width + i] = (sums[segment * width + i] as number) + (rows[row * width + i] as number);
        }
      });
      return { dataId: store.write(sums, shape, x.dtype), shape, dtype: x.dtype };
    },
  });
}
