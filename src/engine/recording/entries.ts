// The backend `graph`'s table of data: for each data id, its value and its reference count.
import type * as tf from '@tensorflow/tfjs';
import type { RawTensor } from '../../raw-tensor.js';
import type { Node, Updatable } from './node.js';
import type { Recording } from './recording.js';

/** A variable whose values are in a session. */
export interface SessionVariable extends Updatable {
  /** The tfjs variable's data while its values are in the session. */
  readonly dataId: tf.DataId;
  /** False once the tfjs variable was disposed. */
  readonly isAlive: boolean;
  /** The values after every run called so far. */
  read(): Promise<RawTensor>;
}

/** The value of a data id: a result of a recording, an array, or a variable of a session. */
export type Entry = { refCount: number; shape: number[]; dtype: tf.DataType } & (
  | { kind: 'node'; node: Node; recording: Recording; operation: string }
  | { kind: 'values'; values: tf.BackendValues }
  | { kind: 'variable'; variable: SessionVariable }
);

export class Entries {
  private readonly entries = new WeakMap<tf.DataId, Entry>();
  private liveCount = 0;

  /** Number of data ids with references. */
  get count(): number {
    return this.liveCount;
  }

  /** Undefined for data of another backend. */
  get(dataId: tf.DataId): Entry | undefined {
    return this.entries.get(dataId);
  }

  add(entry: Entry, dataId: tf.DataId = {}): tf.DataId {
    this.entries.set(dataId, entry);
    this.liveCount++;
    return dataId;
  }

  /** Drops a reference, or with `force` all; returns whether none is left. */
  release(dataId: tf.DataId, force: boolean): boolean {
    const entry = this.entries.get(dataId);
    if (entry === undefined) return true;
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    this.entries.delete(dataId);
    this.liveCount--;
    return true;
  }
}
