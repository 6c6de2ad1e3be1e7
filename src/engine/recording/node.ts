// A value inside a recording, and the part of the recording that variables and in-place updates use.
import { TF_ATTR, type NativeGraph, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import { EngineError } from '../../errors.js';
import type { Dependencies } from './dependencies.js';
import type { Lazy } from './lazy.js';
import type { PredictionPrecision } from '../../precision.js';
import type { GraphDType } from './tensorflow-values.js';

/** A result inside a recording, in two forms. The operations of a form are added when it is first asked for: only what is read is computed. */
export interface Node {
  readonly shape: number[];
  readonly dtype: GraphDType;
  /** In float32 (or int32, or bool). */
  readonly full: Lazy<OutputNumber>;
  /** In the recording's low precision. */
  readonly low: Lazy<OutputNumber>;
  /** Set for results of low-precision convolutions, and for results computed from them in that precision. */
  readonly isConvolved?: true;
  /** Set when this is a variable's value after an in-place update. */
  readonly update?: { of: InPlaceUpdate; variable: Updatable };
  /** Set for a matrix whose transpose exists, which products read. */
  readonly transposeOf?: Node;
  /** Set for a matrix that is packed for products: its bytes. */
  readonly packed?: OutputNumber;
  /** Set for a table whose rows stay in a file: its location there. */
  readonly inFile?: OutputNumber;
  /** Set for a product with a packed matrix, of which later operations may become a part. */
  readonly product?: PackedProduct;
  /** Set where rows mean nothing from a number on: int32, that number as last value. Products leave those rows 0. */
  readonly limit?: OutputNumber;
  /** Set for the result of an operation that may be part of attention. */
  readonly origin?: Origin;
  /** Set for a sum of rows, which the optimizer reads as rows. */
  readonly rowSum?: RowSum;
}

/** `x W^T`, perhaps with a bias and GELU. */
export interface PackedProduct {
  /** `[m, out]`. */
  readonly shape: number[];
  readonly x: Node;
  readonly packed: OutputNumber;
  /** `[out]`; null: none so far. */
  readonly bias: Node | null;
  readonly withGelu: boolean;
}

/** The operation that made a node. */
export interface Origin {
  readonly type: string;
  readonly inputs: readonly Node[];
  readonly attributes: readonly OperationAttribute[];
}

/** The parts of `UnsortedSegmentSum`. */
export interface RowSum {
  /** `[n, width] float32`, the summands. */
  readonly values: Node;
  /** `[n] int32`: the row of the sum to which each belongs; negative ones are ignored. */
  readonly rows: Node;
}

/** The part of a recording that adds operations. */
export interface Recorder {
  readonly graph: NativeGraph;
  /** TensorFlow's dtype of the inputs of matrix products where they are not float32. */
  readonly lowDtype: number | null;
  readonly precision: PredictionPrecision;
  readonly dependencies: Dependencies;
  /** An operation on output numbers, with control inputs. */
  operation(
    type: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls?: readonly number[],
  ): { operation: number; nodes: Node[] };
  /** The first output of an operation, whatever its dtype and shape. */
  output(
    type: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls?: readonly number[],
  ): OutputNumber;
  /** The node of a value, given by its float32 (or int32, or bool) form. */
  value(shape: number[], dtype: GraphDType, full: Lazy<OutputNumber>): Node;
  /** A known array. Equal small ones are one node. */
  constant(values: Float32Array | Int32Array, shape: readonly number[], dtype: 'float32' | 'int32'): Node;
  /** A matrix given by its transpose. */
  transposed(matrix: Node): Node;
  /** The bfloat16 form of a node, when it exists. */
  bfloat16(node: Node): OutputNumber | null;
}

/** A variable as an in-place update uses it. */
export interface Updatable {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: GraphDType;
  /** Its value at the start of the run. */
  node(recording: Recorder): Node;
  /** Its value after an operation. */
  readAfter(recording: Recorder, operation: number): OutputNumber;
}

/** An operation that writes into variables. */
export interface InPlaceUpdate {
  readonly type: string;
  readonly variables: readonly Updatable[];
  /** Its number: it is added when a result is first read, as late as possible. */
  readonly operation: Lazy<number>;
}

/** The result of an operation that has one. @throws EngineError for an operation without. */
export function only({ nodes: [node] }: { nodes: readonly Node[] }): Node {
  if (node === undefined) throw new EngineError('an operation without output cannot be used as a value');
  return node;
}

/** The output of an operation whose shape TensorFlow cannot infer, with that shape. */
export function shapedOutput(
  recording: Recorder,
  type: string,
  inputs: readonly OutputNumber[],
  shape: readonly number[],
): OutputNumber {
  const values = recording.output(type, inputs, []);
  return recording.output('EnsureShape', [values], [{ name: 'shape', type: TF_ATTR.shape, value: shape }]);
}
