// One variable of a State: the tfjs variable and its resources in the current session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { firstOutput, TF_ATTR, TF_DTYPE, type NativeGraph, type OutputNumber } from '../load/addon.js';
import { currentCaller } from '../recording/caller.js';
import type { SessionVariable } from '../recording/entries.js';
import { LOW_DTYPES, nodeName, typeAttribute, type GraphDType } from '../recording/tensorflow-values.js';
import { packedMatrix, packingOf, type Packing } from '../recording/packed.js';
import { tableInFile } from '../recording/table-in-file.js';
import type { PredictionPrecision } from '../../precision.js';
import type { Node, Recorder } from '../recording/node.js';
import type { Recording } from '../recording/recording.js';
import { PLAIN, type Resource } from './variable-access.js';

export interface StateVariableSpec {
  name: string;
  shape: number[];
  dtype: GraphDType;
  /** Whether the tfjs variable existed before the state and keeps its exact values after it. */
  given: boolean;
  /**
   * For a matrix that is only read: the precision of the products that read it. In fp32 the session keeps only its transpose, else its
   * transpose in low precision, and the matrix itself if its value is to be restored.
   */
  readIn?: PredictionPrecision | undefined;
  /** Whether the session packs a matrix that is only read, instead of transposing it. */
  isPacked?: boolean;
  /** Whether it is a table that stays in the file with its values: the session has its location. */
  isInFile?: boolean;
}

/** A variable's resources in one graph: the value, as it is, transposed or packed, and perhaps a low-precision copy. */
interface Location {
  graph: NativeGraph;
  resource: Resource;
  /** The transposed or packed matrix in low precision. */
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
  private readonly readIn: PredictionPrecision | undefined;
  /** Packing of the resource that products read. */
  private readonly packing: Packing | null;
  private readonly isInFile: boolean;
  private location: Location;
  private readonly reads = new WeakMap<Recorder, Node>();

  /** @param bind returns the tfjs variable of this one. */
  constructor(
    { name, shape, dtype, given, readIn, isPacked = false, isInFile = false }: StateVariableSpec,
    graph: NativeGraph,
    readonly read: () => Promise<RawTensor>,
    bind: (stored: SessionVariable) => tf.Variable,
  ) {
    this.name = name;
    this.shape = shape;
    this.dtype = dtype;
    this.given = given;
    this.readIn = readIn;
    this.packing = readIn !== undefined && isPacked ? packingOf(readIn) : null;
    this.isInFile = isInFile;
    this.location = this.addTo(graph);
    this.tfVariable = bind(this);
  }

  get isAlive(): boolean {
    return !this.tfVariable.isDisposed;
  }

  /** Whether the tfjs variable was assigned another tensor, and no longer refers to the value in the session. */
  get isReassigned(): boolean {
    return this.isAlive && this.tfVariable.dataId !== this.dataId;
  }

  /** The resource with its value. */
  get resource(): Resource {
    return this.location.resource;
  }

  /** Adds its resources, without values, to another graph. */
  moveTo(graph: NativeGraph): void {
    this.location = this.addTo(graph);
  }

  private addTo(graph: NativeGraph): Location {
    const add = (name: string, { dtype, isTransposed, packing, isInFile }: Omit<Resource, 'handle'>): Resource => {
      const path = `state/${nodeName(this.name)}/${name}`;
      const shape = packing !== null || isInFile ? [-1] : isTransposed ? [...this.shape].reverse() : this.shape;
      const shared = { name: 'shared_name', type: TF_ATTR.string, value: path };
      const attributes = [typeAttribute('dtype', dtype), { name: 'shape', type: TF_ATTR.shape, value: shape }, shared];
      const handle = firstOutput(graph.add('VarHandleOp', path, [], attributes));
      return { handle, dtype, isTransposed, packing, isInFile };
    };
    const plain = { ...PLAIN, dtype: TF_DTYPE[this.dtype] };
    const { readIn, lowDtype, packing, isInFile } = this;
    if (isInFile)
      return { graph, resource: add('VarHandleOp', { ...PLAIN, dtype: TF_DTYPE.uint64, isInFile }), low: null };
    if (readIn === undefined) return { graph, resource: add('VarHandleOp', plain), low: null };
    const read =
      packing === null
        ? { ...PLAIN, dtype: lowDtype ?? plain.dtype, isTransposed: true }
        : { ...PLAIN, dtype: TF_DTYPE.uint8, packing };
    if (!this.given || isExact(read, plain.dtype)) return { graph, resource: add('VarHandleOp', read), low: null };
    return { graph, resource: add('VarHandleOp', plain), low: add('low', read) };
  }

  /** All its resources in the session. */
  get resources(): readonly Resource[] {
    const { resource, low } = this.location;
    return low === null ? [resource] : [resource, low];
  }

  /** Whether the session has its exact values, not only those in low precision. */
  get isExact(): boolean {
    return isExact(this.resource, TF_DTYPE[this.dtype]);
  }

  private get lowDtype(): number | null {
    return this.readIn === undefined ? null : LOW_DTYPES[this.readIn];
  }

  node(recording: Recorder): Node {
    const { graph } = this.location;
    if (recording.graph !== graph) {
      throw new EngineError(
        `The variable "${this.name}" belongs to another state than the function being recorded${currentCaller()}; give it to one state, and compile both functions over it`,
      );
    }
    let node = this.reads.get(recording);
    if (node === undefined) this.reads.set(recording, (node = this.addRead(recording)));
    return node;
  }

  private addRead(recording: Recorder): Node {
    const { resource, low } = this.location;
    const stored = ({ handle, dtype }: Resource): OutputNumber =>
      recording.output('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)]);
    const read = ({ handle, dtype }: Resource): Node => {
      const [value] = recording.operation('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)]).nodes;
      if (value === undefined) throw new EngineError(`The variable "${this.name}" cannot be read`);
      return value;
    };
    if (resource.isInFile) return tableInFile(recording, this.shape, stored(resource));
    if (resource.packing !== null) return packedMatrix(recording, this.shape, stored(resource));
    const node = read(resource);
    if (low === null) return resource.isTransposed ? recording.transposed(node) : node;
    if (low.packing !== null) return low.packing === recording.precision ? { ...node, packed: stored(low) } : node;
    return low.dtype === recording.lowDtype ? { ...node, transposeOf: read(low) } : node;
  }

  readAfter(recording: Recorder, operation: number): OutputNumber {
    const { handle, dtype } = this.resource;
    return recording.output('ReadVariableOp', [handle], [typeAttribute('dtype', dtype)], [operation]);
  }

  /** Assigns a recorded value at the end of the run. Returns the operation that assigns it. */
  assignAtEnd(recording: Recording, value: Node): number {
    if (this.readIn !== undefined || this.isInFile) {
      throw new EngineError(
        `The variable "${this.name}" is read-only in this state: leave it out of readOnly to assign it`,
      );
    }
    if (value.update?.variable === this) return value.update.of.operation.value;
    const read = this.reads.get(recording)?.full;
    const before = read?.isMade === true ? [recording.graph.operationOf(read.value)] : [];
    const { handle, dtype } = this.resource;
    const inputs = [handle, recording.kept(value).full.value];
    return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', dtype)], before).operation;
  }
}

/** Whether a resource holds the exact values of a variable of `dtype`. */
function isExact({ dtype, packing, isInFile }: Omit<Resource, 'handle'>, variableDtype: number): boolean {
  if (isInFile) return true;
  return packing === null ? dtype === variableDtype : packing === 'fp32';
}
