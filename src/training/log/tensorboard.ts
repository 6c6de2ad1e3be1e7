// TensorBoard event files: TFRecords of Event messages, appended during the run.
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { PbfWriter } from 'pbf';
import { maskedCrc32c } from './crc32c.js';
import { requireKinds, requireOptions, requirePath } from '../../options.js';

/** SessionLog.SessionStatus.START: TensorBoard then discards events of earlier processes for this step and later ones. */
const SESSION_START = 1;
const DT_STRING = 7;
const DT_FLOAT = 1;
const HISTOGRAM_BINS = 30;

/** Writes the fields of a message. */
type Fields = (writer: PbfWriter) => void;

/**
 * One event file. Every call appends one record at once, so that nothing is lost if the run is killed.
 * @example
 * const writer = new TensorBoardWriter('logs', { startStep: 0 });
 * writer.scalars(1, { 'train/loss': 0.7 });
 * @see tensorflow `core/util/event.proto`, `core/framework/summary.proto`
 */
export class TensorBoardWriter {
  /** The event file. */
  readonly path: string;
  private readonly now: () => number;
  private static files = 0;

  constructor(dir: string, options: { startStep: number; now?: () => number }) {
    requirePath('TensorBoardWriter', dir);
    requireOptions('TensorBoardWriter', options);
    const { startStep, now = () => Date.now() / 1000 } = options;
    mkdirSync(dir, { recursive: true });
    this.now = now;
    const stamp = `${Math.floor(now())}`.padStart(10, '0');
    this.path = join(dir, `events.out.tfevents.${stamp}.${hostname()}.${process.pid}.${TensorBoardWriter.files++}`);
    this.write(0, (event) => event.writeStringField(3, 'brain.Event:2'));
    if (startStep > 0)
      this.write(startStep + 1, (event) => writeMessage(event, 7, (log) => log.writeVarintField(1, SESSION_START)));
  }

  /** Metrics by tag, such as `train/loss`. Values that are not finite are kept: TensorBoard shows them. */
  scalars(step: number, values: Record<string, number>): void {
    requireKinds('TensorBoardWriter.scalars', { 'an object': { values } });
    this.summary(
      step,
      Object.entries(values).map(([tag, scalar]) => (value) => {
        value.writeStringField(1, tag);
        value.writeFloatField(2, scalar);
      }),
    );
  }

  /** Markdown text under a tag. */
  text(step: number, tag: string, markdown: string): void {
    const strings: Fields = (tensor) => tensor.writeStringField(8, markdown);
    this.summary(step, [tensorValue(tag, { dtype: DT_STRING, shape: [1], values: strings }, 'text')]);
  }

  /** The distribution of values under a tag. */
  histogram(step: number, tag: string, values: ArrayLike<number>): void {
    requireKinds('TensorBoardWriter.histogram', { 'a list': { values } });
    const bins = histogramBins(values);
    const content = new Uint8Array(new Float32Array(bins.flat()).buffer);
    const rows: Fields = (tensor) => tensor.writeBytesField(4, content);
    const table = { dtype: DT_FLOAT, shape: [bins.length, 3], values: rows };
    this.summary(step, [tensorValue(tag, table, 'histograms')]);
  }

  /** Settings of the run for the page of hyperparameters: nested names are joined by dots, lists are written as JSON. */
  hyperparameters(settings: object): void {
    requireKinds('TensorBoardWriter.hyperparameters', { 'an object': { settings } });
    const content = messageOf((data) =>
      writeMessage(data, 3, (session) => {
        for (const [name, setting] of flatSettings(settings))
          writeMessage(session, 1, (entry) => {
            entry.writeStringField(1, name);
            writeMessage(entry, 2, (value) => writeSetting(value, setting));
          });
        session.writeDoubleField(5, this.now());
      }),
    );
    const nothing: Fields = (tensor) => tensor.writeBytesField(4, new Uint8Array(4));
    const table = { dtype: DT_FLOAT, shape: [1], values: nothing };
    this.summary(0, [tensorValue('_hparams_/session_start_info', table, 'hparams', content)]);
  }

  private summary(step: number, values: readonly Fields[]): void {
    this.write(step, (event) =>
      writeMessage(event, 5, (summary) => values.forEach((value) => writeMessage(summary, 1, value))),
    );
  }

  private write(step: number, fill: Fields): void {
    const event = messageOf((writer) => {
      writer.writeDoubleField(1, this.now());
      if (step !== 0) writer.writeVarintField(2, step);
      fill(writer);
    });
    appendFileSync(this.path, tfRecord(event));
  }
}

function messageOf(fields: Fields): Uint8Array {
  const writer = new PbfWriter();
  fields(writer);
  return writer.finish();
}

function writeMessage(writer: PbfWriter, field: number, fields: Fields): void {
  writer.writeMessage(field, (write, inner) => write(inner), fields);
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

/** A Summary.Value that holds a tensor, with the metadata of its plugin. */
function tensorValue(
  tag: string,
  tensor: { dtype: number; shape: readonly number[]; values: Fields },
  plugin: string,
  content?: Uint8Array,
): Fields {
  return (value) => {
    value.writeStringField(1, tag);
    writeMessage(value, 8, (proto) => {
      proto.writeVarintField(1, tensor.dtype);
      writeMessage(proto, 2, (shape) => {
        for (const size of tensor.shape) writeMessage(shape, 2, (dim) => dim.writeVarintField(1, size));
      });
      tensor.values(proto);
    });
    writeMessage(value, 9, (metadata) =>
      writeMessage(metadata, 1, (data) => {
        data.writeStringField(1, plugin);
        if (content !== undefined) data.writeBytesField(2, content);
      }),
    );
  };
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
function writeSetting(value: PbfWriter, setting: number | string | boolean): void {
  if (typeof setting === 'number') value.writeDoubleField(2, setting);
  else if (typeof setting === 'string') value.writeStringField(3, setting);
  else value.writeBooleanField(4, setting);
}

/** Rows of (left, right, count), as TensorBoard's histogram plugin reads them. */
function histogramBins(values: ArrayLike<number>): [number, number, number][] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  if (!(low < high)) return values.length === 0 ? [] : [[low - 0.5, low + 0.5, values.length]];
  const width = (high - low) / HISTOGRAM_BINS;
  const counts = new Array<number>(HISTOGRAM_BINS).fill(0);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.min(HISTOGRAM_BINS - 1, Math.floor(((values[i] as number) - low) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts.map((count, i) => [low + i * width, low + (i + 1) * width, count]);
}
