// Fused operations of prediction: products with packed matrices include bias and GELU, attention is one operation.
import { isSameShape } from '../../shapes.js';
import { TF_ATTR, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import type { Node, PackedProduct, Recorder } from './node.js';
import type { OperationTable } from './operation-traits.js';
import type { PredictionPrecision } from './precision.js';

/** The element types of packed matrices, as numbered in native/loops/packed_loops.h. */
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

/** The product of `x` and the transpose of a packed matrix, not added to the graph yet. */
export function packedProduct(x: Node, matrix: Node, packed: OutputNumber): Node {
  return pending([x.shape[0] ?? 0, matrix.shape[0] ?? 0], { x, packed, bias: null, withGelu: false });
}

/** Adds a product to the graph. */
export function addProduct(recording: Recorder, { x, packed, bias, withGelu }: PackedProduct, width: number): Node {
  const added = bias ?? recording.constant(new Float32Array(width), [width], 'float32');
  const gelu = { name: 'gelu', type: TF_ATTR.int, value: withGelu ? 1 : 0 };
  const { nodes } = recording.operation('VisualbertPackedProduct', [recording.full(x), packed, recording.full(added)], [gelu]); // prettier-ignore
  return nodes[0] as Node; // the operation has one output
}

function pending(shape: number[], product: PackedProduct): Node {
  return { shape, dtype: 'float32', full: null, low: null, product };
}

/** The operation that made a node of attention. */
interface Origin {
  type: string;
  inputs: readonly Node[];
  attributes: readonly OperationAttribute[];
}

/** Recognizes operations that can be fused into an earlier one, or several that one can replace. */
export class Fusions {
  private readonly origins = new WeakMap<Node, Origin>();

  constructor(private readonly recording: Recorder) {}

  /** The node of the fused operation; null if nothing can be fused. Operations that it replaces are never run. */
  match(type: string, inputs: readonly Node[]): Node | null {
    const [first, second] = inputs;
    const product = first?.product;
    if (type === 'Transpose') return this.attention(inputs);
    if (first === undefined || product === undefined || product.withGelu) return null;
    if (type === 'VisualbertGelu') return pending(first.shape, { ...product, withGelu: true });
    const isBias =
      type === 'Add' && product.bias === null && second?.shape.length === 1 && second.shape[0] === first.shape[1];
    return isBias ? pending(first.shape, { ...product, bias: second }) : null;
  }

  /** Records an operation that may be part of attention. */
  note(node: Node, type: string, inputs: readonly Node[], attributes: readonly OperationAttribute[]): void {
    if (PARTS.has(type)) this.origins.set(node, { type, inputs, attributes });
  }

  /** `merge(softmax(scale split(q) split(k)^T + bias) split(v))`, as src/layers/attention.ts writes it. */
  private attention([joined, order]: readonly Node[]): Node | null {
    if (!this.swapsHeads(order)) return null;
    const weighted = this.originOf(joined, 'BatchMatMulV2');
    const softmax = this.originOf(weighted?.inputs[0], 'VisualbertSoftmax');
    const scores = this.originOf(softmax?.inputs[0], 'BatchMatMulV2');
    const [queries, keys, values] = [scores?.inputs[0], scores?.inputs[1], weighted?.inputs[1]].map((node) => {
      const split = this.originOf(node, 'Transpose');
      return split !== null && this.swapsHeads(split.inputs[1]) ? split.inputs[0] : undefined;
    });
    const bias = softmax?.inputs[1];
    const plain = flags(weighted).every((flag) => !flag);
    const [turnsQueries, turnsKeys] = flags(scores);
    if (softmax === null || bias === undefined || !plain || turnsQueries === true || turnsKeys !== true) return null;
    if (queries === undefined || keys === undefined || values === undefined || !isSameShape(keys.shape, values.shape))
      return null;
    const inputs = [queries, keys, values, bias].map((node) => this.recording.full(node));
    return this.recording.operation('VisualbertAttention', inputs, softmax.attributes).nodes[0] ?? null;
  }

  private originOf(node: Node | undefined, type: string): Origin | null {
    const found = node === undefined ? undefined : this.origins.get(node);
    return found?.type === type ? found : null;
  }

  /** Whether a permutation of axes swaps `[b, s, n, d]` and `[b, n, s, d]`. Equal small constants are one node. */
  private swapsHeads(order: Node | undefined): boolean {
    return order?.shape[0] === 4 && order === this.recording.constant(Int32Array.of(0, 2, 1, 3), [4], 'int32');
  }
}

/** Operations that attention is made of. */
const PARTS: ReadonlySet<string> = new Set(['Transpose', 'BatchMatMulV2', 'VisualbertSoftmax']);

function flags(origin: Origin | null): boolean[] {
  return ['adj_x', 'adj_y'].map(
    (name) => origin?.attributes.find((attribute) => attribute.name === name)?.value === true,
  );
}
