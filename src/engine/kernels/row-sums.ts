// Gradients of embedding tables as rows: the optimizer reads the rows, so the dense gradient, almost all zeros, is never computed.
import type * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import { TF_DTYPE } from '../load/addon.js';
import type { Node, RowSum } from '../recording/node.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import type { GraphKernel } from './graph-kernel.js';

const SEGMENT_SUM = 'UnsortedSegmentSum';
const SUM_OF_SQUARES: FusedKernel = 'SumOfSquares';

/** The rows that a node sums; null for a node that is not a sum of rows. */
export function rowSumOf({ rowSum: sum }: Node): RowSum | null {
  return sum !== undefined && sum.values.shape.length === 2 && sum.rows.shape.length === 1 ? sum : null;
}

/** Sums of rows, which keep their summands, and sums of squares, which use them. */
export const ROW_SUM_KERNELS: readonly GraphKernel[] = [
  {
    name: SEGMENT_SUM,
    runsOnGpu: false,
    writesInPlace: false,
    record: (backend, { x, segmentIds }, { numSegments }) => {
      const { recording } = backend;
      const [values, rows] = [x, segmentIds].map((tensor) => backend.nodeOf(tensor as tf.TensorInfo)) as [Node, Node];
      const count = recording.constant(Int32Array.of(Number(numSegments)), [], 'int32');
      const attributes = [
        typeAttribute('T', TF_DTYPE[values.dtype]),
        typeAttribute('Tindices', TF_DTYPE.int32),
        typeAttribute('Tnumsegments', TF_DTYPE.int32),
      ];
      const [sum] = recording.emit(SEGMENT_SUM, [values, rows, count], attributes, 1);
      return backend.tensorOf({ ...(sum as Node), rowSum: { values, rows } }, SEGMENT_SUM);
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
