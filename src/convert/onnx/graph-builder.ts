// Builds an ONNX graph node by node. Values are the names that ONNX gives them.
import { ATTRIBUTE_TYPES, DATA_TYPES, type OnnxMessage, type OnnxDType } from './messages.js';

/** The name of a tensor in the graph. */
export type Value = string;

/** A size, or the name of one that may differ from call to call. */
export type Axis = number | string;

/** An attribute: a whole number, a list of them, or a float. */
export type AttributeValue = number | readonly number[] | { float: number };

/** A parameter that the graph reads. */
export interface GraphParameter {
  /** Its name in the model. */
  name: string;
  /** Its name in the graph. */
  value: Value;
  /** Stored with its two axes exchanged. */
  isTransposed: boolean;
}

/** A graph but for the values of its parameters. */
export interface OnnxGraph {
  name: string;
  nodes: readonly OnnxMessage[];
  inputs: readonly OnnxMessage[];
  outputs: readonly OnnxMessage[];
  constants: readonly OnnxMessage[];
  parameters: readonly GraphParameter[];
}

/**
 * A graph under construction.
 * @example
 * const g = new GraphBuilder();
 * const x = g.input('x', 'float32', ['batch', 12]);
 * g.output('y', 'float32', ['batch', 12], g.add('Mul', [x, g.float(2)]));
 */
export class GraphBuilder {
  private readonly nodes: OnnxMessage[] = [];
  private readonly inputs: OnnxMessage[] = [];
  private readonly outputs: OnnxMessage[] = [];
  private readonly constants = new Map<Value, OnnxMessage>();
  private readonly parameters = new Map<Value, GraphParameter>();

  /** Adds an input of the graph. */
  input(name: string, dtype: OnnxDType, axes: readonly Axis[]): Value {
    this.inputs.push(valueInfo(name, dtype, axes));
    return name;
  }

  /** Makes `value` an output of the graph under a name of its own. */
  output(name: string, dtype: OnnxDType, axes: readonly Axis[], value: Value): void {
    this.outputs.push(valueInfo(name, dtype, axes));
    this.addNode('Identity', [value], {}, name);
  }

  /** Adds an operation with one output. */
  add(opType: string, inputs: readonly Value[], attributes: Readonly<Record<string, AttributeValue>> = {}): Value {
    return this.addNode(opType, inputs, attributes, `${opType}_${this.nodes.length}`);
  }

  private addNode(
    opType: string,
    input: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
    output: Value,
  ): Value {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    this.nodes.push({ input, output, name: `${opType}_${this.nodes.length}`, opType, attribute });
    return output;
  }

  /** A parameter of the model; `transposed` for a matrix `[out, in]` that multiplies from the right. */
  parameter(name: string, layout: 'stored' | 'transposed' = 'stored'): Value {
    const isTransposed = layout === 'transposed';
    const value = isTransposed ? `${name}.transposed` : name;
    this.parameters.set(value, { name, value, isTransposed });
    return value;
  }

  /** A float32 scalar. */
  float(x: number): Value {
    return this.constant(`float:${x}`, { dims: [], dataType: DATA_TYPES.float32, floatData: [x] });
  }

  /** An int64 scalar. */
  integer(x: number): Value {
    return this.constant(`int64:${x}`, { dims: [], dataType: DATA_TYPES.int64, int64Data: [x] });
  }

  /** An int64 vector: axes, sizes, starts. */
  integers(...values: number[]): Value {
    const content = { dims: [values.length], dataType: DATA_TYPES.int64, int64Data: values };
    return this.constant(`int64:[${values.join(',')}]`, content);
  }

  private constant(name: Value, tensor: OnnxMessage): Value {
    this.constants.set(name, { ...tensor, name });
    return name;
  }

  /** The sizes of the axes from `start` to before `end`, an int64 vector. */
  sizes(x: Value, start: number, end?: number): Value {
    return this.add('Shape', [x], { start, ...(end !== undefined && { end }) });
  }

  /** `x[start:end]` along an axis; bounds are int64 vectors with one element. */
  slice(x: Value, axis: number, start: Value, end: Value): Value {
    return this.add('Slice', [x, start, end, this.integers(axis)]);
  }

  /** The finished graph. */
  build(name: string): OnnxGraph {
    const { nodes, inputs, outputs } = this;
    return {
      name,
      nodes,
      inputs,
      outputs,
      constants: [...this.constants.values()],
      parameters: [...this.parameters.values()],
    };
  }
}

function valueInfo(name: string, dtype: OnnxDType, axes: readonly Axis[]): OnnxMessage {
  const dim = axes.map((axis): OnnxMessage => (typeof axis === 'number' ? { dimValue: axis } : { dimParam: axis }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[dtype], shape: { dim } } } };
}

function attributeOf(name: string, value: AttributeValue): OnnxMessage {
  if (typeof value === 'number') return { name, i: value, type: ATTRIBUTE_TYPES.int };
  if ('float' in value) return { name, f: value.float, type: ATTRIBUTE_TYPES.float };
  return { name, ints: value, type: ATTRIBUTE_TYPES.ints };
}
