// One variable of a State: its tfjs side and its operations in the present session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { TF_ATTR, TF_DTYPE, type NativeGraph, type OutputNumber } from './addon.js';
import type { HeldVariable } from './graph-backend.js';
import { operationOf, typeAttribute, type GraphDType, type Node, type Recording } from './recording.js';

/** Its operations in one graph. */
export interface VariableOperations {
  graph: NativeGraph;
  /** The resource. */
  handle: OutputNumber;
  /** Its value when nothing else runs. */
  value: OutputNumber;
  /** Feed of `assign`. */
  feed: OutputNumber;
  /** Assigns what is fed. */
  assign: number;
}

/** A variable that lives in a session. */
export class StateVariable implements HeldVariable {
  readonly dataId: tf.DataId = {};
  /** Set once the tfjs variable exists. */
  variable!: tf.Variable;
  operations!: VariableOperations;
  private readonly reads = new WeakMap<Recording, Node>();

  /**
   * @param given whether it was there before the state, and will be after it.
   */
  constructor(
    readonly name: string,
    readonly shape: number[],
    readonly dtype: GraphDType,
    readonly given: boolean,
    readonly read: () => Promise<RawTensor>,
  ) {}

  get isAlive(): boolean {
    return !this.variable.isDisposed;
  }

  /** Adds its operations to a graph. */
  enter(graph: NativeGraph): void {
    const scope = `state/${this.name.replace(/[^\w.\-/]/g, '_')}`;
    const dtype = typeAttribute('dtype', TF_DTYPE[this.dtype]);
    const add = (
      type: string,
      inputs: readonly OutputNumber[],
      extra: { name: string; type: number; value: unknown }[] = [],
    ): number => graph.add(type, `${scope}/${type}`, inputs, [dtype, ...extra]).operation;
    const shape = { name: 'shape', type: TF_ATTR.shape, value: this.shape };
    const handle =
      add('VarHandleOp', [], [shape, { name: 'shared_name', type: TF_ATTR.string, value: scope }]) * 2 ** 16;
    const feed = add('Placeholder', [], [shape]) * 2 ** 16;
    const assign = add('AssignVariableOp', [handle, feed]);
    const value = add('ReadVariableOp', [handle]) * 2 ** 16;
    this.operations = { graph, handle, value, feed, assign };
  }

  node(recording: Recording): Node {
    const { graph, handle } = this.operations;
    if (recording.graph !== graph) {
      throw new EngineError(`The variable "${this.name}" belongs to another state than the function that is recorded`);
    }
    let node = this.reads.get(recording);
    if (node === undefined) {
      [node] = recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', TF_DTYPE[this.dtype])]).nodes;
      if (node === undefined) throw new EngineError(`The variable "${this.name}" cannot be read`);
      this.reads.set(recording, node);
    }
    return node;
  }

  readAfter(recording: Recording, operation: number): OutputNumber {
    const { handle } = this.operations;
    return (
      recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', TF_DTYPE[this.dtype])], [operation])
        .operation *
      2 ** 16
    );
  }

  /** Has the variable hold a recorded value at the end of the run. Returns the operation that does it. */
  assignAtEnd(recording: Recording, value: Node): number {
    if (value.update?.variable === this) return recording.operationOfUpdate(value.update.of);
    const read = this.reads.get(recording)?.full;
    const before = read === undefined || read === null ? [] : [operationOf(read)];
    const inputs = [this.operations.handle, recording.full(recording.kept(value))];
    return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', TF_DTYPE[this.dtype])], before)
      .operation;
  }
}
