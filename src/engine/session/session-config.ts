// How sessions are set up: threads, graph optimisation, memory on the GPU.
import { bytesField, message, varintField } from '../../protobuf.js';

export interface SessionOptions {
  /** Threads inside one operation; 0: one per core. */
  intraOpThreads: number;
  /** Operations that may run at once; 0: TensorFlow decides. */
  interOpThreads: number;
  /** Compile clusters with XLA. */
  xla: boolean;
}

/** The one rewriting of graphs that pays: it joins a product and its bias. The others find nothing in a recording and take half a second. */
const REWRITING = 'remap';
/** `tensorflow.RewriterConfig.NumIterationsType.ONE`. */
const ONCE = 1;
/** `tensorflow.OptimizerOptions.GlobalJitLevel.ON_2`. */
const XLA_ON = 2;

/**
 * A serialized `tensorflow.ConfigProto`.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/protobuf/config.proto
 */
export function sessionConfig({ intraOpThreads, interOpThreads, xla }: SessionOptions): Uint8Array {
  const rewriter = message(
    varintField(12, ONCE), // meta_optimizer_iterations
    varintField(32, true), // disable_tfg_optimizer
    bytesField(100, new TextEncoder().encode(REWRITING)), // optimizers
  );
  const optimizer = xla ? varintField(5, XLA_ON) : message();
  return message(
    varintField(2, intraOpThreads),
    varintField(5, interOpThreads),
    bytesField(6, varintField(4, true)), // gpu_options.allow_growth
    varintField(7, true), // allow_soft_placement: operations without a GPU kernel run on the CPU
    bytesField(10, message(bytesField(3, optimizer), bytesField(10, rewriter))),
  );
}

/** A serialized `tensorflow.RunOptions` that asks for the full timeline. */
export const TRACE_RUN: Uint8Array = varintField(1, 3);
