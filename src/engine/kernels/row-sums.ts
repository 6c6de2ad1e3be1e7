// Gradients of embedding tables as rows: the optimizer reads the rows, so the dense gradient, almost all zeros, is never computed.
import * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import type { Node } from '../recording/node.js';
import type { GraphKernel } from './graph-kernel.js';

/** `UnsortedSegmentSum` before it is computed. */
export interface RowSum {
  /** `[n, width] float32`, the summands. */
  values: Node;
  /** `[n] int32`: the row of the sum to which each belongs; negative ones are ignored. */
  rows: Node;
}

const SEGMENT_SUM = 'UnsortedSegmentSum';
const SUM_OF_SQUARES: FusedKernel = 'SumOfSquares';

const sums = new WeakMap<Node, RowSum>();

/** The rows that a node sums; null for a node that is not a sum of rows. */
export function rowSumOf(node: Node): RowSum | null {
  const sum = sums.get(node);
  return sum !== undefined && sum.values.shape.length === 2 && sum.rows.shape.length === 1 ? sum : null;
}

/** Sums of rows, which keep their summands, and sums of squares, which use them. */
export const ROW_SUM_KERNELS: readonly GraphKernel[] = [
  {
    name: SEGMENT_SUM,
    runsOnGpu: false,
    writesInPlace: false,
    record: (backend, inputs, attrs) => {
      const { kernelFunc } = tf.getKernel(SEGMENT_SUM, 'tensorflow');
      const sum = kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend }) as tf.TensorInfo;
      const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      sums.set(backend.nodeOf(sum), { values: backend.nodeOf(x), rows: backend.nodeOf(segmentIds) });
      return sum;
    },
  },
  {
    name: SUM_OF_SQUARES,
    operations: { VisualbertSumOfSquaresRows: { ownsResult: true } },
    runsOnGpu: false,
    writesInPlace: false,
    record: (backend, { x }) => {
      const node = backend.nodeOf(x as tf.TensorInfo);
      const sum = rowSumOf(node);
      const [operation, inputs] =
        sum === null ? ['VisualbertSumOfSquares', [node]] : ['VisualbertSumOfSquaresRows', [sum.values, sum.rows]];
      const [total] = backend.recording.emit(operation, inputs, [], 1);
      return backend.tensorOf(total as Node, SUM_OF_SQUARES);
    },
  },
];
