// One variable of a State: its tfjs side and its operations in the present session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { TF_ATTR, TF_DTYPE, type NativeGraph, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import { currentCaller } from '../recording/caller.js';
import type { Precision } from '../recording/precision.js';
import type { HeldVariable } from '../recording/graph-backend.js';
import {
  LOW_DTYPES,
  nodeName,
  operationOf,
  typeAttribute,
  type GraphDType,
  type Node,
  type Recording,
} from '../recording/recording.js';

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
  /** The resource of the transposed matrix in low precision, where the session keeps one. */
  low: OutputNumber | null;
}

/** A variable that lives in a session. */
export class StateVariable implements HeldVariable {
  readonly dataId: tf.DataId = {};
  /** Set once the tfjs variable exists. */
  variable!: tf.Variable;
  operations!: VariableOperations;
  private readonly reads = new WeakMap<Recording, Node>();

  /**
   * @param given whether it was there before the state, and will be after it. @param readIn of a matrix that is only read: the precision of
   * the products that read it. In fp32 the session keeps its transpose alone, else the matrix and its transpose in low precision.
   */
  constructor(
    readonly name: string,
    readonly shape: number[],
    readonly dtype: GraphDType,
    readonly given: boolean,
    readonly read: () => Promise<RawTensor>,
    private readonly readIn?: Precision,
  ) {}

  get isAlive(): boolean {
    return !this.variable.isDisposed;
  }

  /** Adds its operations to a graph. */
  enter(graph: NativeGraph): void {
    const scope = `state/${nodeName(this.name)}`;
    const add = (
      type: string,
      inputs: readonly OutputNumber[],
      attributes: readonly OperationAttribute[],
      { name = type, controls = [] }: { name?: string; controls?: readonly number[] } = {},
    ): number => graph.add(type, `${scope}/${name}`, inputs, attributes, controls).operation;
    const resource = (name: string, dtype: number, shape: readonly number[]): OutputNumber => {
      const shared = { name: 'shared_name', type: TF_ATTR.string, value: `${scope}/${name}` };
      return add('VarHandleOp', [], [typeAttribute('dtype', dtype), shapeAttribute(shape), shared], { name }) * 2 ** 16;
    };
    const transposed = (matrix: OutputNumber, name: string): OutputNumber => {
      const order = { dtype: TF_DTYPE.int32, shape: [2], data: Int32Array.of(1, 0) };
      const value = { name: 'value', type: TF_ATTR.tensor, value: order };
      const perm = add('Const', [], [typeAttribute('dtype', TF_DTYPE.int32), value], { name: `${name}/order` });
      return add('Transpose', [matrix, perm * 2 ** 16], [], { name }) * 2 ** 16;
    };
    const dtype = typeAttribute('dtype', TF_DTYPE[this.dtype]);
    const { keepsTranspose, lowDtype } = this;
    const feed = add('Placeholder', [], [dtype, shapeAttribute(this.shape)]) * 2 ** 16;
    const shape = keepsTranspose ? [...this.shape].reverse() : this.shape;
    const handle = resource('VarHandleOp', TF_DTYPE[this.dtype], shape);
    const controls: number[] = [];
    let low: OutputNumber | null = null;
    if (lowDtype !== null) {
      low = resource('low', lowDtype, [...this.shape].reverse());
      const target = typeAttribute('DstT', lowDtype);
      const cast = add('Cast', [transposed(feed, 'low/in')], [target], { name: 'low/cast' }) * 2 ** 16;
      controls.push(add('AssignVariableOp', [low, cast], [typeAttribute('dtype', lowDtype)], { name: 'low/assign' }));
    }
    const assigned = keepsTranspose ? transposed(feed, 'in') : feed;
    const assign = add('AssignVariableOp', [handle, assigned], [dtype], { controls });
    const read = add('ReadVariableOp', [handle], [dtype]) * 2 ** 16;
    this.operations = { graph, handle, feed, assign, low, value: keepsTranspose ? transposed(read, 'out') : read };
  }

  /** Whether the session has its transpose instead of itself. */
  private get keepsTranspose(): boolean {
    return this.readIn !== undefined && this.lowDtype === null;
  }

  private get lowDtype(): number | null {
    return this.readIn === undefined ? null : LOW_DTYPES[this.readIn];
  }

  node(recording: Recording): Node {
    const { graph, handle, low } = this.operations;
    if (recording.graph !== graph) {
      throw new EngineError(
        `The variable "${this.name}" belongs to another state than the function that is recorded${currentCaller()}; give it to one state, and compile both functions over it`,
      );
    }
    let node = this.reads.get(recording);
    if (node === undefined) {
      const read = (resource: OutputNumber, dtype: number): Node => {
        const [value] = recording.operation('ReadVariableOp', [resource], [typeAttribute('dtype', dtype)]).nodes;
        if (value === undefined) throw new EngineError(`The variable "${this.name}" cannot be read`);
        return value;
      };
      node = read(handle, TF_DTYPE[this.dtype]);
      const { shape, dtype, lowDtype, keepsTranspose } = this;
      if (keepsTranspose) node = { shape, dtype, full: null, low: null, transposeOf: node };
      else if (low !== null && lowDtype !== null && lowDtype === recording.lowDtype)
        node = { ...node, transposeOf: read(low, lowDtype) };
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
    if (this.readIn !== undefined) {
      throw new EngineError(
        `The variable "${this.name}" is read-only in this state: leave it out of readOnly to assign it`,
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

function shapeAttribute(value: readonly number[]): OperationAttribute {
  return { name: 'shape', type: TF_ATTR.shape, value };
}
