// TensorFlow's own timeline of a run, as a Chrome trace.
import type { ChromeTrace, TraceEvent } from './contract.js';
import { Message } from '../../protobuf.js';

/**
 * A serialized `tensorflow.RunMetadata` as the JSON that chrome://tracing and https://ui.perfetto.dev read. Times are microseconds.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/framework/step_stats.proto
 */
export function chromeTrace(runMetadata: Uint8Array): ChromeTrace {
  const events: TraceEvent[] = [];
  const [stepStats] = new Message(runMetadata).messages(1);
  const devices = stepStats?.messages(1) ?? []; // DeviceStepStats
  const starts = devices.flatMap((device) => device.messages(2).map((node) => node.integer(2)));
  const origin = starts.reduce((least, start) => Math.min(least, start), Infinity);
  for (const [pid, device] of devices.entries()) {
    events.push({ name: 'process_name', ph: 'M', pid, args: { name: device.text(1) } });
    for (const node of device.messages(2)) {
      // NodeExecStats: node_name 1, all_start_micros 2, op_start_rel_micros 3, op_end_rel_micros 4, timeline_label 8, thread_id 10
      const [start, end] = [node.integer(3), node.integer(4)];
      const label = node.text(8);
      const type = /= ([^(]+)\(/.exec(label)?.[1] ?? node.text(1);
      events.push({
        name: type,
        cat: 'op',
        ph: 'X',
        pid,
        tid: node.integer(10),
        ts: node.integer(2) - origin + start,
        dur: Math.max(0, end - start),
        args: { name: node.text(1), label },
      });
    }
  }
  return { traceEvents: events };
}
