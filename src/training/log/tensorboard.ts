// TensorBoard event files: TFRecords of Event messages, appended while the run goes on.
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { maskedCrc32c } from './crc32c.js';
import { Message } from './protobuf.js';

/** SessionLog.SessionStatus.START: TensorBoard then drops what an earlier process wrote for this step and later ones. */
const SESSION_START = 1;
const DT_STRING = 7;
const DT_FLOAT = 1;
const HISTOGRAM_BUCKETS = 30;

/**
 * One event file. Every call appends one record, so that a killed run loses nothing that was logged.
 * @see tensorflow `core/util/event.proto`, `core/framework/summary.proto`
 */
export class TensorBoardWriter {
  /** The event file. */
  readonly path: string;

  constructor(dir: string, { startStep, now = () => Date.now() / 1000 }: { startStep: number; now?: () => number }) {
    mkdirSync(dir, { recursive: true });
    this.now = now;
    const stamp = `${Math.floor(now())}`.padStart(10, '0');
    this.path = join(dir, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}.${TensorBoardWriter.files++}`);
    this.write(0, (event) => event.text(3, 'brain.Event:2'));
    if (startStep > 0) this.write(startStep + 1, (event) => event.message(7, new Message().integer(1, SESSION_START)));
  }

  private static files = 0;
  private readonly now: () => number;

  /** Figures by tag, such as `train/loss`. Non-finite ones are kept: TensorBoard shows them. */
  scalars(step: number, values: Record<string, number>): void {
    this.summary(
      step,
      Object.entries(values).map(([tag, value]) => new Message().text(1, tag).float(2, value)),
    );
  }

  /** Markdown text under a tag. */
  text(step: number, tag: string, markdown: string): void {
    const tensor = new Message()
      .integer(1, DT_STRING)
      .message(2, shapeOf([1]))
      .bytes(8, new TextEncoder().encode(markdown));
    this.summary(step, [new Message().text(1, tag).message(8, tensor).message(9, metadata('text'))]);
  }

  /** The distribution of values under a tag. */
  histogram(step: number, tag: string, values: ArrayLike<number>): void {
    const buckets = histogramBuckets(values);
    const content = new Uint8Array(new Float32Array(buckets.flat()).buffer);
    const tensor = new Message()
      .integer(1, DT_FLOAT)
      .message(2, shapeOf([buckets.length, 3]))
      .bytes(4, content);
    this.summary(step, [new Message().text(1, tag).message(8, tensor).message(9, metadata('histograms'))]);
  }

  /** Settings of the run for the page of hyperparameters: nested names are joined by dots, lists are written as JSON. */
  hyperparameters(settings: object): void {
    const entries = flatSettings(settings).map(([name, value]) =>
      new Message().text(1, name).message(2, settingValue(value)),
    );
    const session = entries.reduce((all, entry) => all.message(1, entry), new Message()).double(5, this.now());
    const content = new Message().message(3, session).encode();
    const tensor = new Message()
      .integer(1, DT_FLOAT)
      .message(2, shapeOf([1]))
      .bytes(4, new Uint8Array(4));
    const value = new Message().text(1, '_hparams_/session_start_info').message(8, tensor);
    this.summary(0, [value.message(9, metadata('hparams', content))]);
  }

  private summary(step: number, values: readonly Message[]): void {
    const summary = values.reduce((all, value) => all.message(1, value), new Message());
    this.write(step, (event) => event.message(5, summary));
  }

  private write(step: number, fill: (event: Message) => Message): void {
    appendFileSync(this.path, tfRecord(fill(new Message().double(1, this.now()).integer(2, step)).encode()));
  }
}

/** Length, its checksum, data, its checksum. @see https://www.tensorflow.org/tutorials/load_data/tfrecord */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return record;
}

function shapeOf(sizes: readonly number[]): Message {
  return sizes.reduce((shape, size) => shape.message(2, new Message().integer(1, size)), new Message());
}

function metadata(plugin: string, content: Uint8Array = new Uint8Array()): Message {
  const data = new Message().text(1, plugin);
  return new Message().message(1, content.length === 0 ? data : data.bytes(2, content));
}

function flatSettings(settings: object, prefix = ''): [string, number | string | boolean][] {
  return Object.entries(settings).flatMap(([key, value]: [string, unknown]) => {
    if (value === null || value === undefined) return [];
    const name = `${prefix}${key}`;
    if (typeof value === 'object' && !Array.isArray(value)) return flatSettings(value, `${name}.`);
    const isPlain = typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
    return [[name, isPlain ? value : JSON.stringify(value)]];
  });
}

/** google.protobuf.Value: double 2, string 3, bool 4. */
function settingValue(value: number | string | boolean): Message {
  if (typeof value === 'number') return new Message().double(2, value);
  return typeof value === 'string' ? new Message().text(3, value) : new Message().flag(4, value);
}

/** Rows of (left, right, count), as TensorBoard's histogram plugin reads them. */
function histogramBuckets(values: ArrayLike<number>): [number, number, number][] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  if (!(low < high)) return values.length === 0 ? [] : [[low - 0.5, low + 0.5, values.length]];
  const width = (high - low) / HISTOGRAM_BUCKETS;
  const counts = new Array<number>(HISTOGRAM_BUCKETS).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bucket = Math.min(HISTOGRAM_BUCKETS - 1, Math.floor(((values[i] as number) - low) / width));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return counts.map((count, i) => [low + i * width, low + (i + 1) * width, count]);
}
