// Fused operations of prediction: products with packed matrices include bias and GELU, attention is one operation.
import { isSameShape } from '../../shapes.js';
import { TF_ATTR, type OperationAttribute, type OutputNumber } from '../load/addon.js';
import { Lazy } from './lazy.js';
import { rowsInFile } from './table-in-file.js';
import { type Node, type Origin, type PackedProduct, type Recorder, shapedOutput } from './node.js';
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
  VisualbertPackedProducts: { ownsResult: true },
  VisualbertAttention: { ownsResult: true },
  VisualbertFoldedAttention: { ownsResult: true },
  VisualbertUnpack: { ownsResult: true },
  VisualbertReadFile: { ownsResult: true },
  VisualbertReadRows: { ownsResult: true },
};

/** A matrix given by its packed bytes; operations that are no products read it unpacked. */
export function packedMatrix(recording: Recorder, shape: number[], packed: OutputNumber): Node {
  const unpacked = new Lazy(() => shapedOutput(recording, 'VisualbertUnpack', [packed], shape));
  return { ...recording.value(shape, 'float32', unpacked), packed };
}

/** Products with packed matrices. They are added to the graph when first read; those of the same rows then become one operation. */
export class PackedProducts {
  /** By their rows: those that are not in the graph yet. */
  private readonly waiting = new Map<Node, Set<PackedProduct>>();
  private readonly outputs = new Map<PackedProduct, OutputNumber>();

  constructor(private readonly recording: Recorder) {}

  /** The node of a product; `part`: the one that it replaces, which is never computed unless it is read. */
  node(product: PackedProduct, part?: PackedProduct): Node {
    const waiting = this.waiting.get(product.x) ?? new Set();
    this.waiting.set(product.x, waiting.add(product));
    if (part !== undefined) waiting.delete(part);
    const value = this.recording.value(product.shape, 'float32', new Lazy(() => this.output(product)));
    const { limit } = product.x;
    return { ...value, product, ...(limit === undefined ? {} : { limit }) };
  }

  private output(product: PackedProduct): OutputNumber {
    return this.outputs.get(product) ?? this.add(product);
  }

  /** Adds a product, and those with a bias that wait for the same rows. */
  private add(product: PackedProduct): OutputNumber {
    const { recording } = this;
    const { x, withGelu } = product;
    const joins = (other: PackedProduct): boolean =>
      other !== product && other.bias !== null && other.withGelu === withGelu;
    const together = [product, ...[...(this.waiting.get(x) ?? [])].filter(joins)];
    const biases = together.map(
      ({ bias, shape: [, width = 0] }) =>
        (bias ?? recording.constant(new Float32Array(width), [width], 'float32')).full.value,
    );
    const matrices = together.map(({ packed }) => packed);
    const gelu = { name: 'gelu', type: TF_ATTR.int, value: withGelu ? 1 : 0 };
    const limits = x.limit === undefined ? [] : [x.limit];
    const inputs = [x.full.value, matrices, biases, limits];
    const { nodes } = recording.operation('VisualbertPackedProducts', inputs, [gelu]);
    together.forEach((added, index) => {
      this.waiting.get(x)?.delete(added);
      this.outputs.set(added, (nodes[index] as Node).full.value);
    });
    return (nodes[0] as Node).full.value;
  }
}

/** Recognizes operations that can be fused into an earlier one, or several that one can replace. */
export class Fusions {
  constructor(
    private readonly recording: Recorder,
    private readonly products: PackedProducts,
  ) {}

  /** The node of the fused operation; null if nothing can be fused. Operations that it replaces are never run. */
  match(type: string, inputs: readonly Node[], attributes: readonly OperationAttribute[]): Node | null {
    const [first, second] = inputs;
    const product = first?.product;
    if (type === 'Transpose') return this.attention(inputs);
    if (type === 'VisualbertRaggedAttention') return this.foldedAttention(inputs, attributes);
    if (type === 'GatherV2') return rowsInFile(this.recording, inputs);
    if (product === undefined || product.withGelu) return null;
    if (type === 'VisualbertGelu') return this.products.node({ ...product, withGelu: true }, product);
    const isBias =
      type === 'Add' && product.bias === null && second?.shape.length === 1 && second.shape[0] === product.shape[1];
    return isBias ? this.products.node({ ...product, bias: second }, product) : null;
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

  /**
   * Attention of one query for each example: the products that make keys and values, almost all of a last layer whose head reads one position,
   * are left out. The operation reads matrices in float32.
   */
  private foldedAttention(
    [queries, keys, values, rowSplits]: readonly Node[],
    attributes: readonly OperationAttribute[],
  ): Node | null {
    const { precision } = this.recording;
    const [k, v] = [keys?.product, values?.product];
    if (
      precision !== 'fp32' ||
      attributeOf(attributes, 'asked')?.value !== 1 ||
      k === undefined ||
      v === undefined ||
      k.x !== v.x
    )
      return null;
    if (queries === undefined || rowSplits === undefined || v.bias === null || k.withGelu || v.withGelu) return null;
    const inputs = [queries.full.value, k.x.full.value, k.packed, v.packed, v.bias.full.value, rowSplits.full.value];
    const others = attributes.filter(({ name }) => name !== 'asked');
    return this.recording.operation('VisualbertFoldedAttention', inputs, others).nodes[0] ?? null;
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
  return ['adj_x', 'adj_y'].map((name) => attributeOf(origin?.attributes ?? [], name)?.value === true);
}

function attributeOf(attributes: readonly OperationAttribute[], name: string): OperationAttribute | undefined {
  return attributes.find((attribute) => attribute.name === name);
}
