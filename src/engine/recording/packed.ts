// What prediction computes in fewer and larger operations: products with packed matrices take their bias and GELU along, attention is one.
import { TF_ATTR, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import type { Node, PackedProduct, Recorder } from './node.js';
import type { PredictionPrecision } from './precision.js';

/** How native/packed_loops.h numbers what a packed matrix is made of. */
export const PACKINGS = { fp32: 0, bf16: 1, int8: 2 } as const;
export type Packing = keyof typeof PACKINGS;

/** The packing of a matrix that products in a precision read; null where they read none. */
export function packingOf(precision: PredictionPrecision): Packing | null {
  return precision === 'fp16' ? null : precision;
}

/** The product of `x` and the transpose of a packed matrix, yet to be added. */
export function packedProduct(x: Node, matrix: Node, packed: OutputNumber): Node {
  return pending([x.shape[0] ?? 0, matrix.shape[0] ?? 0], { x, packed, bias: null, withGelu: false });
}

/** Adds a product. */
export function addProduct(recording: Recorder, { x, packed, bias, withGelu }: PackedProduct, width: number): Node {
  const added = bias ?? recording.constant(new Float32Array(width), [width], 'float32');
  const gelu = { name: 'gelu', type: TF_ATTR.int, value: withGelu ? 1 : 0 };
  const { nodes } = recording.operation('VisualbertPackedProduct', [recording.full(x), packed, recording.full(added)], [gelu]); // prettier-ignore
  return nodes[0] as Node; // the operation has one output
}

function pending(shape: number[], product: PackedProduct): Node {
  return { shape, dtype: 'float32', full: null, low: null, product };
}

/** How a node of attention came about. */
interface Step {
  type: string;
  inputs: readonly Node[];
  attributes: readonly OperationAttribute[];
}

/** Recognizes what can be computed as part of an earlier operation or in place of several. */
export class Fusions {
  private readonly steps = new WeakMap<Node, Step>();

  constructor(private readonly recording: Recorder) {}

  /** The node of an operation that joins others; null where it stays by itself. What it takes the place of is never run. */
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

  /** Remembers an operation that may turn out to be part of attention. */
  note(node: Node, type: string, inputs: readonly Node[], attributes: readonly OperationAttribute[]): void {
    if (PARTS.has(type)) this.steps.set(node, { type, inputs, attributes });
  }

  /** `merge(softmax(scale split(q) split(k)^T + bias) split(v))`, as src/layers/attention.ts writes it. */
  private attention([joined, order]: readonly Node[]): Node | null {
    if (!this.swapsHeads(order)) return null;
    const weighted = this.step(joined, 'BatchMatMulV2');
    const softmax = this.step(weighted?.inputs[0], 'VisualbertSoftmax');
    const scores = this.step(softmax?.inputs[0], 'BatchMatMulV2');
    const [queries, keys, values] = [scores?.inputs[0], scores?.inputs[1], weighted?.inputs[1]].map((node) => {
      const split = this.step(node, 'Transpose');
      return split !== null && this.swapsHeads(split.inputs[1]) ? split.inputs[0] : undefined;
    });
    const bias = softmax?.inputs[1];
    const plain = flags(weighted).every((flag) => !flag);
    const [turnsQueries, turnsKeys] = flags(scores);
    if (softmax === null || bias === undefined || !plain || turnsQueries === true || turnsKeys !== true) return null;
    if (
      queries === undefined ||
      keys === undefined ||
      values === undefined ||
      keys.shape.join() !== values.shape.join()
    )
      return null;
    const inputs = [queries, keys, values, bias].map((node) => this.recording.full(node));
    return this.recording.operation('VisualbertAttention', inputs, softmax.attributes).nodes[0] ?? null;
  }

  private step(node: Node | undefined, type: string): Step | null {
    const found = node === undefined ? undefined : this.steps.get(node);
    return found?.type === type ? found : null;
  }

  /** Whether an order of axes is that from `[b, s, n, d]` to `[b, n, s, d]` and back. Equal small constants are one node. */
  private swapsHeads(order: Node | undefined): boolean {
    return order?.shape[0] === 4 && order === this.recording.constant(Int32Array.of(0, 2, 1, 3), [4], 'int32');
  }
}

/** Operations that attention is made of. */
const PARTS: ReadonlySet<string> = new Set(['Transpose', 'BatchMatMulV2', 'VisualbertSoftmax']);

function flags(step: Step | null): boolean[] {
  return ['adj_x', 'adj_y'].map(
    (name) => step?.attributes.find((attribute) => attribute.name === name)?.value === true,
  );
}
