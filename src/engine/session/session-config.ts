// The configuration of sessions: threads, graph optimisation, GPU memory.
import { PbfWriter } from 'pbf';

export interface SessionOptions {
  /** Threads inside one operation; 0: one per core. */
  intraOpThreads: number;
  /** Operations that may run at once; 0: TensorFlow decides. */
  interOpThreads: number;
  /** Compile clusters with XLA. */
  xla: boolean;
  /** Place only the operations of a run. The whole graph would be placed at each recording, which takes longer the more it has. */
  placesRuns: boolean;
  /** The number of this process among the workers of a cluster; absent: no cluster. */
  worker?: number;
}

/** TensorFlow's name for all workers of a cluster. */
export const JOB = 'worker';
/** The one graph optimizer that helps: it fuses a product and its bias. The others change nothing and take half a second. */
const REWRITING = 'remap';
/** `tensorflow.RewriterConfig.NumIterationsType.ONE`. */
const ONCE = 1;
/** `tensorflow.OptimizerOptions.GlobalJitLevel.ON_2`. */
const XLA_ON = 2;
/** `tensorflow.RunOptions.TraceLevel.FULL_TRACE`. */
const FULL_TRACE = 3;

/**
 * A serialized `tensorflow.ConfigProto`.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/protobuf/config.proto
 */
export function sessionConfig(options: SessionOptions): Uint8Array {
  const config = new PbfWriter();
  config.writeVarintField(2, options.intraOpThreads);
  if (options.worker !== undefined) config.writeStringField(4, taskName(options.worker)); // device_filters
  config.writeVarintField(5, options.interOpThreads);
  config.writeMessage(6, writeGpuOptions, options);
  config.writeBooleanField(7, true); // allow_soft_placement: operations without a GPU kernel run on the CPU
  config.writeMessage(10, writeGraphOptions, options);
  if (options.worker !== undefined) {
    config.writeBooleanField(15, true); // isolate_session_state: variables end with their session
    config.writeMessage(16, (leader, experimental) => experimental.writeStringField(1, leader), taskName(0)); // collective_group_leader
  }
  return config.finish();
}

/** TensorFlow's name of a worker. */
function taskName(worker: number): string {
  return `/job:${JOB}/replica:0/task:${worker}`;
}

function writeGpuOptions(_: SessionOptions, gpu: PbfWriter): void {
  gpu.writeBooleanField(4, true); // allow_growth
}

function writeGraphOptions({ xla, placesRuns }: SessionOptions, graph: PbfWriter): void {
  graph.writeMessage(3, (level, optimizer) => optimizer.writeVarintField(5, level), xla ? XLA_ON : 0);
  graph.writeBooleanField(6, placesRuns); // place_pruned_graph
  graph.writeMessage(10, writeRewriter, REWRITING);
}

function writeRewriter(optimizer: string, rewriter: PbfWriter): void {
  rewriter.writeVarintField(12, ONCE); // meta_optimizer_iterations
  rewriter.writeBooleanField(32, true); // disable_tfg_optimizer
  rewriter.writeStringField(100, optimizer); // optimizers
}

/** A serialized `tensorflow.RunOptions` that asks for the full timeline. */
export const TRACE_RUN: Uint8Array = traceRun();

function traceRun(): Uint8Array {
  const options = new PbfWriter();
  options.writeVarintField(1, FULL_TRACE);
  return options.finish();
}
