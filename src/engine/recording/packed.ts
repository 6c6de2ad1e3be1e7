// Fused operations of prediction: products with packed matrices include bias and GELU, attention is one operation.
import { isSameShape } from '../../shapes.js';
import { TF_ATTR, type OutputNumber } from '../load/addon.js';
import { Lazy } from './lazy.js';
import type { Node, Origin, PackedProduct, Recorder } from './node.js';
import type { OperationTable } from './operation-traits.js';
import type { PredictionPrecision } from '../../precision.js';

/** The element types of packed matrices, as numbered in native/loops/packed_matrix.h. */
export const PACKINGS = { fp32: 0, bf16: 1, int8: 2 } as const;
export type Packing = keyof typeof PACKINGS;

/** The packing that products in a precision read; null where they read none. */
export function packingOf(precision: PredictionPrecision): Packing | null {
  return precision === 'fp16' ? null : precision;
}

/** The operations of native/kernels that recordings add themselves, without a kernel of tfjs. */
export const PREDICTION_OPERATIONS: OperationTable = {
  VisualbertPackedProduct: { ownsResult: true },
  VisualbertAttention: { ownsResult: true },
  VisualbertUnpack: { ownsResult: true },
};

/** A matrix given by its packed bytes; operations that are no products read it unpacked. */
export function packedMatrix(recording: Recorder, shape: number[], packed: OutputNumber): Node {
  const unpacked = new Lazy(() => {
    const values = recording.output('VisualbertUnpack', [packed], []);
    return recording.output('EnsureShape', [values], [{ name: 'shape', type: TF_ATTR.shape, value: shape }]);
  });
  return { ...recording.value(shape, 'float32', unpacked), packed };
}

/** The product of `x` and the transpose of a packed matrix. */
export function packedProduct(recording: Recorder, x: Node, matrix: Node, packed: OutputNumber): Node {
  const shape = [x.shape[0] ?? 0, matrix.shape[0] ?? 0];
  return productNode(recording, shape, { x, packed, bias: null, withGelu: false });
}

/** The product is added to the graph when its value is first read: never, where it became part of another. */
function productNode(recording: Recorder, shape: number[], product: PackedProduct): Node {
  const { x, packed, bias, withGelu } = product;
  const width = shape[1] ?? 0;
  const added = new Lazy(() => {
    const addend = bias ?? recording.constant(new Float32Array(width), [width], 'float32');
    const gelu = { name: 'gelu', type: TF_ATTR.int, value: withGelu ? 1 : 0 };
    return recording.output('VisualbertPackedProduct', [x.full.value, packed, addend.full.value], [gelu]);
  });
  return { ...recording.value(shape, 'float32', added), product };
}

/** Recognizes operations that can be fused into an earlier one, or several that one can replace. */
export class Fusions {
  constructor(private readonly recording: Recorder) {}

  /** The node of the fused operation; null if nothing can be fused. Operations that it replaces are never run. */
  match(type: string, inputs: readonly Node[]): Node | null {
    const { recording } = this;
    const [first, second] = inputs;
    const product = first?.product;
    if (type === 'Transpose') return this.attention(inputs);
    if (first === undefined || product === undefined || product.withGelu) return null;
    if (type === 'VisualbertGelu') return productNode(recording, first.shape, { ...product, withGelu: true });
    const isBias =
      type === 'Add' && product.bias === null && second?.shape.length === 1 && second.shape[0] === first.shape[1];
    return isBias ? productNode(recording, first.shape, { ...product, bias: second }) : null;
  }

  /** The results of an operation, marked where it may be part of attention. */
  marked(results: Node[], origin: Origin): Node[] {
    return PARTS.has(origin.type) ? results.map((node) => ({ ...node, origin })) : results;
  }

  /** `merge(softmax(scale split(q) split(k)^T + bias) split(v))`, as src/layers/attention.ts writes it. */
  private attention([joined, order]: readonly Node[]): Node | null {
    if (!this.swapsHeads(order)) return null;
    const weighted = originOf(joined, 'BatchMatMulV2');
    const softmax = originOf(weighted?.inputs[0], 'VisualbertSoftmax');
    const scores = originOf(softmax?.inputs[0], 'BatchMatMulV2');
    const [queries, keys, values] = [scores?.inputs[0], scores?.inputs[1], weighted?.inputs[1]].map((node) => {
      const split = originOf(node, 'Transpose');
      return split !== null && this.swapsHeads(split.inputs[1]) ? split.inputs[0] : undefined;
    });
    const bias = softmax?.inputs[1];
    const plain = flags(weighted).every((flag) => !flag);
    const [turnsQueries, turnsKeys] = flags(scores);
    if (softmax === null || bias === undefined || !plain || turnsQueries === true || turnsKeys !== true) return null;
    if (queries === undefined || keys === undefined || values === undefined || !isSameShape(keys.shape, values.shape))
      return null;
    const inputs = [queries, keys, values, bias].map((node) => node.full.value);
    return this.recording.operation('VisualbertAttention', inputs, softmax.attributes).nodes[0] ?? null;
  }

  /** Whether a permutation of axes swaps `[b, s, n, d]` and `[b, n, s, d]`. Equal small constants are one node. */
  private swapsHeads(order: Node | undefined): boolean {
    return order?.shape[0] === 4 && order === this.recording.constant(Int32Array.of(0, 2, 1, 3), [4], 'int32');
  }
}

/** Operations that attention is made of. */
const PARTS: ReadonlySet<string> = new Set(['Transpose', 'BatchMatMulV2', 'VisualbertSoftmax']);

function originOf(node: Node | undefined, type: string): Origin | null {
  const origin = node?.origin;
  return origin?.type === type ? origin : null;
}

function flags(origin: Origin | null): boolean[] {
  return ['adj_x', 'adj_y'].map(
    (name) => origin?.attributes.find((attribute) => attribute.name === name)?.value === true,
  );
}
