// One function being recorded: adds operations under its own name scope.
import type * as tf from '@tensorflow/tfjs';
import { EngineError, errorMessage } from '../../errors.js';
import {
  firstOutput,
  TF_ATTR,
  TF_DTYPE,
  type NativeGraph,
  type OperationAttribute,
  type OutputNumber,
} from '../load/addon.js';
import { groupInputs } from '../load/operation-definition.js';
import { currentCaller } from './caller.js';
import { Constants } from './constants.js';
import type { PredictionPrecision } from '../../precision.js';
import { Dependencies } from './dependencies.js';
import { DTYPE_NAMES, LOW_DTYPES, nodeName, typeAttribute, type GraphDType } from './tensorflow-values.js';
import { InPlaceUpdates } from './in-place-updates.js';
import { Lazy } from './lazy.js';
import { LowPrecision } from './low-precision.js';
import { type Node, only, type Recorder } from './node.js';
import { Fusions, PackedProducts } from './packed.js';
import type { OperationTable, OperationTraits } from './operation-traits.js';

export class Recording implements Recorder {
  /** Operations added so far. */
  operationCount = 0;
  /** TensorFlow's dtype of the inputs of matrix products where they are not float32. */
  readonly lowDtype: number | null;
  readonly dependencies = new Dependencies();
  /** The operations that write into variables. */
  readonly updates: InPlaceUpdates = new InPlaceUpdates(this);
  private readonly constants = new Constants(this);
  private readonly lowPrecision = new LowPrecision(this);
  private readonly packedProducts = new PackedProducts(this);
  private readonly fusions: Fusions | null;

  /**
   * @param scope prefix of the names of all operations. @param operations the traits of those that have any.
   * @param precision of the inputs of matrix products. @param fuses whether operations are fused where no gradient needs the values between them.
   */
  constructor(
    readonly graph: NativeGraph,
    readonly scope: string,
    private readonly operations: OperationTable,
    readonly precision: PredictionPrecision = 'fp32',
    fuses = false,
  ) {
    this.lowDtype = LOW_DTYPES[precision];
    this.fusions = fuses ? new Fusions(this, this.packedProducts) : null;
  }

  /** An input of the function. */
  placeholder(name: string, shape: readonly number[], dtype: GraphDType): Node {
    const attributes = [typeAttribute('dtype', TF_DTYPE[dtype]), { name: 'shape', type: TF_ATTR.shape, value: shape }];
    return only(this.operation('Placeholder', [], attributes, [], `input/${name}`));
  }

  /** A tfjs kernel's operation on nodes. @throws EngineError when TensorFlow rejects it, or a shape depends on data. */
  emit(type: string, inputs: readonly Node[], attributes: readonly OperationAttribute[], outputCount: number): Node[] {
    const joined = this.fusions?.match(type, inputs, attributes) ?? null;
    if (joined !== null) return [joined];
    const nodes = this.emitAlone(type, inputs, attributes, outputCount);
    return this.fusions?.marked(nodes, { type, inputs, attributes }) ?? nodes;
  }

  private emitAlone(
    type: string,
    inputs: readonly Node[],
    attributes: readonly OperationAttribute[],
    outputCount: number,
  ): Node[] {
    if (type === 'BatchMatMulV2') return [this.matMul(inputs, attributes)];
    const lowResult = this.lowPrecision.emit(type, inputs, attributes, this.traitsOf(type));
    if (lowResult !== null) return lowResult;
    const numbers = inputs.map((node) => node.full.value);
    const references = groupInputs(this.graph.inputPattern(type), numbers);
    const { nodes } = this.operation(type, references, attributes);
    if (nodes.length < outputCount) {
      throw new EngineError(
        `${type} cannot be recorded: its result is neither float32, int32 nor bool${currentCaller()}; compute it outside and feed it as an input`,
      );
    }
    return nodes;
  }

  /** An operation on output numbers, with control inputs: for state, where tfjs has no kernel. */
  operation(
    type: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls: readonly number[] = [],
    name?: string,
  ): { operation: number; nodes: Node[] } {
    const { operation, outputs } = this.add(type, inputs, attributes, controls, name);
    const nodes = outputs.flatMap(({ number: reference, dtype, shape }): Node[] => {
      const known = DTYPE_NAMES.get(dtype);
      if (known === undefined) return []; // resources are referred to by their operation
      if (shape === null || shape.some((size) => size < 0)) {
        throw new EngineError(
          `${type} cannot be recorded: the shape of its result depends on the data${currentCaller()}; ` +
            'give it a fixed shape (masks and padding instead of selecting rows)',
        );
      }
      if (dtype === TF_DTYPE.bfloat16 || dtype === TF_DTYPE.float16) return [this.lowValue(shape, reference)];
      const needsCast = dtype === TF_DTYPE.int64 || dtype === TF_DTYPE.uint8;
      return [this.value(shape, known, Lazy.of(needsCast ? this.cast(reference, TF_DTYPE.int32) : reference))];
    });
    return { operation, nodes };
  }

  value(shape: number[], dtype: GraphDType, full: Lazy<OutputNumber>): Node {
    const low = new Lazy(() => this.cast(full.value, this.lowDtype ?? TF_DTYPE.float32));
    return { shape, dtype, full, low };
  }

  /** The node of a float32 value that an operation returned in low precision. */
  private lowValue(shape: number[], low: OutputNumber): Node {
    const full = new Lazy(() => this.cast(low, TF_DTYPE.float32));
    return { shape, dtype: 'float32', full, low: Lazy.of(low) };
  }

  output(
    type: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls: readonly number[] = [],
  ): OutputNumber {
    return firstOutput(this.add(type, inputs, attributes, controls));
  }

  private add(
    type: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls: readonly number[] = [],
    name = `${type}_${this.operationCount}`,
  ): ReturnType<NativeGraph['add']> {
    this.operationCount++;
    let added;
    try {
      added = this.graph.add(type, `${this.scope}/${nodeName(name)}`, inputs, attributes, controls);
    } catch (error) {
      throw new EngineError(`${type} cannot be recorded: ${errorMessage(error)}${currentCaller()}`);
    }
    const reads = [...inputs.flat().map((input) => this.graph.operationOf(input)), ...controls];
    this.dependencies.add(added.operation, reads, this.traitsOf(type).ownsResult === true);
    return added;
  }

  /** The same value, available only after `signal`: computations from it wait, and are not merged with earlier ones. */
  after(node: Node, signal: Node): Node {
    const present = !signal.full.isMade && signal.low.isMade ? signal.low : signal.full;
    const waits = [this.graph.operationOf(present.value)];
    const late = ({ value }: Lazy<OutputNumber>, dtype: number): OutputNumber =>
      this.output('Identity', [value], [typeAttribute('T', dtype)], waits);
    const { shape, dtype, full, low } = node;
    if (!low.isMade || this.lowDtype === null) return this.value(shape, dtype, Lazy.of(late(full, TF_DTYPE[dtype])));
    const lateLow = this.lowValue(shape, late(low, this.lowDtype));
    return full.isMade ? { ...lateLow, full: Lazy.of(late(full, TF_DTYPE[dtype])) } : lateLow;
  }

  /** A node whose value later assignments do not change: a copy where memory might be shared. */
  kept(node: Node): Node {
    const reference = node.full.value;
    if (this.dependencies.ownsResult(this.graph.operationOf(reference))) return node;
    return only(this.operation('DeepCopy', [reference], [typeAttribute('T', TF_DTYPE[node.dtype])]));
  }

  constant(values: tf.BackendValues, shape: readonly number[], dtype: tf.DataType): Node {
    return this.constants.of(values, shape, dtype);
  }

  private traitsOf(type: string): OperationTraits {
    return this.operations[type] ?? {};
  }

  /** Matrix products use TensorFlow's plain MatMul, which can be fused with later operations, with low-precision inputs where set. */
  private matMul(inputs: readonly Node[], attributes: readonly OperationAttribute[]): Node {
    const flag = (name: string): boolean => attributes.find((attribute) => attribute.name === name)?.value === true;
    const plain = inputs.every(({ shape }) => shape.length === 2);
    const [x, matrix] = inputs as readonly [Node, Node];
    const { packed } = matrix;
    if (plain && packed !== undefined && !flag('adj_x') && flag('adj_y')) {
      const shape = [x.shape[0] ?? 0, matrix.shape[0] ?? 0];
      return this.packedProducts.node({ shape, x, packed, bias: null, withGelu: false });
    }
    const [type, ...flags] = plain ? ['MatMul', 'transpose_a', 'transpose_b'] : ['BatchMatMulV2', 'adj_x', 'adj_y'];
    const low = this.lowDtype !== null && inputs[0]?.dtype === 'float32';
    const operands = [flag('adj_x'), flag('adj_y')].map((isTransposed, i) => {
      const node = inputs[i] as Node;
      return plain && node.transposeOf !== undefined
        ? { node: node.transposeOf, isTransposed: !isTransposed }
        : { node, isTransposed };
    });
    const references = operands.map(({ node }) => (low ? node.low : node.full).value);
    const transposes = operands.map(({ isTransposed }, i) => ({
      name: flags[i] ?? '',
      type: TF_ATTR.bool,
      value: isTransposed,
    }));
    return only(this.operation(type ?? '', references, transposes));
  }

  transposed(matrix: Node): Node {
    const full = new Lazy(() => {
      const order = this.constant(Int32Array.of(1, 0), [2], 'int32');
      return this.output('Transpose', [matrix.full.value, order.full.value], []);
    });
    return { ...this.value([...matrix.shape].reverse(), matrix.dtype, full), transposeOf: matrix };
  }

  /** The bfloat16 form of a node, when it exists. */
  bfloat16(node: Node): OutputNumber | null {
    return this.lowDtype === TF_DTYPE.bfloat16 && node.low.isMade ? node.low.value : null;
  }

  private cast(reference: OutputNumber, dtype: number): OutputNumber {
    return this.output('Cast', [reference], [typeAttribute('DstT', dtype)]);
  }
}
