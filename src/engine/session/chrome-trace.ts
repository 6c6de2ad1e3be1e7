// TensorFlow's own timeline of a run, as a Chrome trace.
import { PbfReader } from 'pbf';
import type { ChromeTrace, TraceEvent } from './contract.js';

/** The parts of `DeviceStepStats` and `NodeExecStats` that a trace shows; times are microseconds. */
interface Device {
  name: string;
  operations: Operation[];
}

interface Operation {
  name: string;
  label: string;
  thread: number;
  start: number;
  /** After `start`. */
  began: number;
  ended: number;
}

/**
 * A serialized `tensorflow.RunMetadata` as the JSON that chrome://tracing and https://ui.perfetto.dev read. Times are microseconds.
 * @see https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/core/framework/step_stats.proto
 */
export function chromeTrace(runMetadata: Uint8Array): ChromeTrace {
  const devices = new PbfReader(runMetadata).readFields<Device[]>(readRunMetadata, []);
  const starts = devices.flatMap(({ operations }) => operations.map(({ start }) => start));
  const origin = starts.reduce((least, start) => Math.min(least, start), Infinity);
  const traceEvents = devices.flatMap(({ name: device, operations }, pid): TraceEvent[] => [
    { name: 'process_name', ph: 'M', pid, args: { name: device } },
    ...operations.map(({ name, label, thread, start, began, ended }): TraceEvent => ({
      name: /= ([^(]+)\(/.exec(label)?.[1] ?? name,
      cat: 'op',
      ph: 'X',
      pid,
      tid: thread,
      ts: start - origin + began,
      dur: Math.max(0, ended - began),
      args: { name, label },
    })),
  ]);
  return { traceEvents };
}

function readRunMetadata(tag: number, devices: Device[], reader: PbfReader): void {
  if (tag === 1) reader.readMessage(readStepStats, devices);
}

function readStepStats(tag: number, devices: Device[], reader: PbfReader): void {
  if (tag === 1) devices.push(reader.readMessage(readDevice, { name: '', operations: [] }));
}

function readDevice(tag: number, device: Device, reader: PbfReader): void {
  const empty: Operation = { name: '', label: '', thread: 0, start: 0, began: 0, ended: 0 };
  if (tag === 1) device.name = reader.readString();
  else if (tag === 2) device.operations.push(reader.readMessage(readOperation, empty));
}

function readOperation(tag: number, operation: Operation, reader: PbfReader): void {
  if (tag === 1) operation.name = reader.readString();
  else if (tag === 2) operation.start = reader.readVarint();
  else if (tag === 3) operation.began = reader.readVarint();
  else if (tag === 4) operation.ended = reader.readVarint();
  else if (tag === 8) operation.label = reader.readString();
  else if (tag === 10) operation.thread = reader.readVarint();
}
