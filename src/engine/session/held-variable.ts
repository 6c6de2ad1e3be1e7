// One variable of a State: its tfjs side and its resources in the present session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { TF_ATTR, TF_DTYPE, type NativeGraph, type OutputNumber } from '../load/addon.js';
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
import type { Resource } from './variable-access.js';

/** A variable that lives in a session. */
export class StateVariable implements HeldVariable {
  readonly dataId: tf.DataId = {};
  /** Set once the tfjs variable exists. */
  variable!: tf.Variable;
  /** The graph that it is in. */
  private graph!: NativeGraph;
  /** Where its value is. */
  resource!: Resource;
  /** The transposed matrix in low precision, where the session keeps one beside it. */
  private low: Resource | null = null;
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

  /** Adds its resources to a graph. */
  enter(graph: NativeGraph): void {
    const add = (name: string, dtype: number, isTransposed: boolean): Resource => {
      const path = `state/${nodeName(this.name)}/${name}`;
      const shape = isTransposed ? [...this.shape].reverse() : this.shape;
      const shared = { name: 'shared_name', type: TF_ATTR.string, value: path };
      const attributes = [typeAttribute('dtype', dtype), { name: 'shape', type: TF_ATTR.shape, value: shape }, shared];
      return { handle: graph.add('VarHandleOp', path, [], attributes).operation * 2 ** 16, dtype, isTransposed };
    };
    const { keepsTranspose, lowDtype } = this;
    this.graph = graph;
    this.resource = add('VarHandleOp', TF_DTYPE[this.dtype], keepsTranspose);
    this.low = lowDtype === null ? null : add('low', lowDtype, true);
  }

  /** Everything of it in the session. */
  get resources(): readonly Resource[] {
    return this.low === null ? [this.resource] : [this.resource, this.low];
  }

  /** Whether the session has its transpose instead of itself. */
  private get keepsTranspose(): boolean {
    return this.readIn !== undefined && this.lowDtype === null;
  }

  private get lowDtype(): number | null {
    return this.readIn === undefined ? null : LOW_DTYPES[this.readIn];
  }

  node(recording: Recording): Node {
    const { graph, resource, low } = this;
    if (recording.graph !== graph) {
      throw new EngineError(
        `The variable "${this.name}" belongs to another state than the function that is recorded${currentCaller()}; give it to one state, and compile both functions over it`,
      );
    }
    let node = this.reads.get(recording);
    if (node === undefined) {
      const read = ({ handle, dtype }: Resource): Node => {
        const [value] = recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)]).nodes;
        if (value === undefined) throw new EngineError(`The variable "${this.name}" cannot be read`);
        return value;
      };
      node = read(resource);
      const { shape, dtype, keepsTranspose } = this;
      if (keepsTranspose) node = { shape, dtype, full: null, low: null, transposeOf: node };
      else if (low !== null && low.dtype === recording.lowDtype) node = { ...node, transposeOf: read(low) };
      this.reads.set(recording, node);
    }
    return node;
  }

  readAfter(recording: Recording, operation: number): OutputNumber {
    const { handle, dtype } = this.resource;
    return (
      recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)], [operation]).operation * 2 ** 16
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
    const { handle, dtype } = this.resource;
    const inputs = [handle, recording.full(recording.kept(value))];
    return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', dtype)], before).operation;
  }
}
