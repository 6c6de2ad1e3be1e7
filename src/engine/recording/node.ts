// A value inside a recording, and the part of the recording that variables and in-place updates use.
import type { NativeGraph, OperationAttribute, OutputNumber } from '../load/addon.js';
import type { Dependencies } from './dependencies.js';
import type { PredictionPrecision } from './precision.js';
import type { GraphDType } from './tensorflow-values.js';

/** A result inside a recording. It exists in float32, in the recording's low precision, or in both; each is computed from the other on first use. */
export interface Node {
  readonly shape: number[];
  readonly dtype: GraphDType;
  full: OutputNumber | null;
  low: OutputNumber | null;
  /** Set for results of low-precision convolutions, and for results computed from them in that precision. */
  readonly isConvolved?: true;
  /** Set when this is a variable's value after an in-place update. */
  readonly update?: { of: InPlaceUpdate; variable: Updatable };
  /** Set for a matrix whose transpose exists: products use it, other operations only when `full` is null. */
  readonly transposeOf?: Node;
  /** Set for a matrix that is packed for products: its bytes. */
  readonly packed?: OutputNumber;
  /** Set for a product with a packed matrix that may not be in the graph yet. */
  readonly product?: PackedProduct;
}

/** `x W^T`, perhaps with a bias and GELU: added to the graph when its value is first used. */
export interface PackedProduct {
  x: Node;
  packed: OutputNumber;
  /** `[out]`; null: none so far. */
  bias: Node | null;
  withGelu: boolean;
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
    inputs: readonly OutputNumber[],
    attributes: readonly OperationAttribute[],
    controls?: readonly number[],
  ): OutputNumber;
  /** A known array. Equal small ones are one node. */
  constant(values: Float32Array | Int32Array, shape: readonly number[], dtype: 'float32' | 'int32'): Node;
  /** The float32 (or int32, or bool) form of a node. */
  full(node: Node): OutputNumber;
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

/** An operation that writes into variables; `operation` is null until it is added. */
export interface InPlaceUpdate {
  type: string;
  variables: readonly Updatable[];
  inputs: readonly Node[];
  attributes: readonly OperationAttribute[];
  operation: number | null;
}
