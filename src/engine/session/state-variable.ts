// One variable of a State: its tfjs side and its resources in the present session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { operationOf, output, TF_ATTR, TF_DTYPE, type NativeGraph, type OutputNumber } from '../load/addon.js';
import { currentCaller } from '../recording/caller.js';
import type { SessionVariable } from '../recording/graph-backend.js';
import { LOW_DTYPES, nodeName, typeAttribute, type GraphDType } from '../recording/tensorflow-values.js';
import type { Precision } from '../recording/precision.js';
import type { Node, Recorder } from '../recording/node.js';
import type { Recording } from '../recording/recording.js';
import type { Resource } from './variable-access.js';

export interface StateVariableSpec {
  name: string;
  shape: number[];
  dtype: GraphDType;
  /** Whether the tfjs variable was there before the state, and will be after it. */
  given: boolean;
  /**
   * Of a matrix that is only read: the precision of the products that read it. In fp32 the session keeps its transpose alone, else the matrix
   * and its transpose in low precision.
   */
  readIn?: Precision | undefined;
}

/** Where a variable is: in one graph, as itself or transposed, and perhaps in low precision beside it. */
interface Location {
  graph: NativeGraph;
  resource: Resource;
  /** The transposed matrix in low precision. */
  low: Resource | null;
}

/** A variable whose values are in a session. */
export class StateVariable implements SessionVariable {
  readonly dataId: tf.DataId = {};
  readonly name: string;
  readonly shape: number[];
  readonly dtype: GraphDType;
  readonly given: boolean;
  readonly tfVariable: tf.Variable;
  private readonly readIn: Precision | undefined;
  private location: Location;
  private readonly reads = new WeakMap<Recorder, Node>();

  /** @param bind gives the tfjs variable that stands for this one. */
  constructor(
    { name, shape, dtype, given, readIn }: StateVariableSpec,
    graph: NativeGraph,
    readonly read: () => Promise<RawTensor>,
    bind: (stored: SessionVariable) => tf.Variable,
  ) {
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.given = given;
    this.readIn = readIn;
    this.location = this.addTo(graph);
    this.tfVariable = bind(this);
  }

  get isAlive(): boolean {
    return !this.tfVariable.isDisposed;
  }

  /** Whether the tfjs variable was assigned another tensor, and no longer stands for the value in the session. */
  get isReassigned(): boolean {
    return this.isAlive && this.tfVariable.dataId !== this.dataId;
  }

  /** Where its value is. */
  get resource(): Resource {
    return this.location.resource;
  }

  /** Adds its resources to another graph, where they have no value yet. */
  moveTo(graph: NativeGraph): void {
    this.location = this.addTo(graph);
  }

  private addTo(graph: NativeGraph): Location {
    const add = (name: string, dtype: number, isTransposed: boolean): Resource => {
      const path = `state/${nodeName(this.name)}/${name}`;
      const shape = isTransposed ? [...this.shape].reverse() : this.shape;
      const shared = { name: 'shared_name', type: TF_ATTR.string, value: path };
      const attributes = [typeAttribute('dtype', dtype), { name: 'shape', type: TF_ATTR.shape, value: shape }, shared];
      return { handle: output(graph.add('VarHandleOp', path, [], attributes).operation), dtype, isTransposed };
    };
    const { keepsTranspose, lowDtype } = this;
    return {
      graph,
      resource: add('VarHandleOp', TF_DTYPE[this.dtype], keepsTranspose),
      low: lowDtype === null ? null : add('low', lowDtype, true),
    };
  }

  /** Everything of it in the session. */
  get resources(): readonly Resource[] {
    const { resource, low } = this.location;
    return low === null ? [resource] : [resource, low];
  }

  /** Whether the session has its transpose instead of itself. */
  private get keepsTranspose(): boolean {
    return this.readIn !== undefined && this.lowDtype === null;
  }

  private get lowDtype(): number | null {
    return this.readIn === undefined ? null : LOW_DTYPES[this.readIn];
  }

  node(recording: Recorder): Node {
    const { graph, resource, low } = this.location;
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

  readAfter(recording: Recorder, operation: number): OutputNumber {
    const { handle, dtype } = this.resource;
    return output(
      recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)], [operation]).operation,
    );
  }

  /** Assigns a recorded value at the end of the run. Returns the operation that does it. */
  assignAtEnd(recording: Recording, value: Node): number {
    if (this.readIn !== undefined) {
      throw new EngineError(
        `The variable "${this.name}" is read-only in this state: leave it out of readOnly to assign it`,
      );
    }
    if (value.update?.variable === this) return recording.updates.operationOf(value.update.of);
    const read = this.reads.get(recording)?.full;
    const before = read === undefined || read === null ? [] : [operationOf(read)];
    const { handle, dtype } = this.resource;
    const inputs = [handle, recording.full(recording.kept(value))];
    return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', dtype)], before).operation;
  }
}
