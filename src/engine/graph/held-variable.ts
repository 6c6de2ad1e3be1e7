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
   * @param given whether it was there before the state, and will be after it. @param isTransposed a matrix that the session keeps transposed.
   */
  constructor(
    readonly name: string,
    readonly shape: number[],
    readonly dtype: GraphDType,
    readonly given: boolean,
    readonly read: () => Promise<RawTensor>,
    private readonly isTransposed = false,
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
    const shape = (value: readonly number[]): { name: string; type: number; value: unknown } => ({
      name: 'shape',
      type: TF_ATTR.shape,
      value,
    });
    const name = { name: 'shared_name', type: TF_ATTR.string, value: scope };
    const handle = add('VarHandleOp', [], [shape(this.kept(this.shape)), name]) * 2 ** 16;
    const feed = add('Placeholder', [], [shape(this.shape)]) * 2 ** 16;
    const transposed = (matrix: OutputNumber, name: string): OutputNumber => {
      if (!this.isTransposed) return matrix;
      const order = { dtype: TF_DTYPE.int32, shape: [2], data: Int32Array.of(1, 0) };
      const value = { name: 'value', type: TF_ATTR.tensor, value: order };
      const constant = [typeAttribute('dtype', TF_DTYPE.int32), value];
      const perm = graph.add('Const', `${scope}/${name}/order`, [], constant).operation * 2 ** 16;
      return graph.add('Transpose', `${scope}/${name}`, [matrix, perm]).operation * 2 ** 16;
    };
    const assign = add('AssignVariableOp', [handle, transposed(feed, 'in')]);
    const value = transposed(add('ReadVariableOp', [handle]) * 2 ** 16, 'out');
    this.operations = { graph, handle, value, feed, assign };
  }

  /** A shape as the session has it. */
  private kept(shape: readonly number[]): readonly number[] {
    return this.isTransposed ? [...shape].reverse() : shape;
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
      if (this.isTransposed) node = { shape: this.shape, dtype: this.dtype, full: null, low: null, transposeOf: node };
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
    if (this.isTransposed) {
      throw new EngineError(
        `The variable "${this.name}" is kept transposed, to be read only: leave it out of keepTransposed to assign it`,
      );
    }
    if (value.update?.variable === this) return recording.operationOfUpdate(value.update.of);
    const read = this.reads.get(recording)?.full;
    const before = read === undefined || read === null ? [] : [operationOf(read)];
    const inputs = [this.operations.handle, recording.full(recording.kept(value))];
    return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', TF_DTYPE[this.dtype])], before)
      .operation;
  }
}
