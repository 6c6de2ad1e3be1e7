// Gradients of tables as the rows they are made of: the optimizer takes them so, and the table-sized tensor of nearly nothing but zeros is never made.
import * as tf from '@tensorflow/tfjs';
import type { FusedKernel } from '../../fused.js';
import type { GraphBackend } from './graph-backend.js';
import type { Node } from './recording.js';

/** `UnsortedSegmentSum` before it is computed. */
export interface RowSum {
  /** `[n, width] float32`, to be added up. */
  values: Node;
  /** `[n] int32`: the row of the sum to which each belongs; negative ones take no part. */
  rows: Node;
}

const SEGMENT_SUM = 'UnsortedSegmentSum';
const SUM_OF_SQUARES: FusedKernel = 'SumOfSquares';

/** Kernels of the graph backend that are registered here. */
export const ROW_SUM_KERNELS: readonly string[] = [SEGMENT_SUM, SUM_OF_SQUARES];

const sums = new WeakMap<Node, RowSum>();

/** What a node adds up, when it is a sum of rows; null for all others. */
export function rowSumOf(node: Node): RowSum | null {
  const sum = sums.get(node);
  return sum !== undefined && sum.values.shape.length === 2 && sum.rows.shape.length === 1 ? sum : null;
}

/** Registers sums of rows, which remember their parts, and sums of squares, which look at the parts. */
export function registerRowSums(backendName: string): void {
  const { kernelFunc } = tf.getKernel(SEGMENT_SUM, 'tensorflow');
  tf.registerKernel({
    kernelName: SEGMENT_SUM,
    backendName,
    kernelFunc: (given) => {
      const sum = kernelFunc(given) as tf.TensorInfo;
      const { x, segmentIds } = given.inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
      const graph = given.backend as GraphBackend;
      sums.set(graph.nodeOf(sum), { values: graph.nodeOf(x), rows: graph.nodeOf(segmentIds) });
      return sum;
    },
  });
  tf.registerKernel({
    kernelName: SUM_OF_SQUARES,
    backendName,
    kernelFunc: ({ inputs: { x }, backend }) => {
      const graph = backend as GraphBackend;
      const node = graph.nodeOf(x as tf.TensorInfo);
      const sum = rowSumOf(node);
      const [operation, inputs] =
        sum === null ? ['VisualbertSumOfSquares', [node]] : ['VisualbertSumOfSquaresRows', [sum.values, sum.rows]];
      const [total] = graph.recording.emit(operation, inputs, [], 1);
      return graph.tensorOf(total as Node, SUM_OF_SQUARES);
    },
  });
}
