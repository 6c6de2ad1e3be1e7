// Operations of a recording in low precision.
import type { OperationAttribute, OutputNumber } from '../load/addon.js';
import { groupInputs } from '../load/operation-definition.js';
import type { Node, Recorder } from './node.js';
import type { OperationTraits } from './operation-traits.js';

/** Decides which operations read and return low precision, as the traits of each allow. Matrix products are the recording's own. */
export class LowPrecision {
  constructor(private readonly recording: Recorder) {}

  /** The operation on low-precision inputs, where they exist already and the result is as exact; else null. */
  emit(
    type: string,
    inputs: readonly Node[],
    attributes: readonly OperationAttribute[],
    traits: OperationTraits,
  ): Node[] | null {
    const { recording } = this;
    const [first, second] = inputs;
    const { movesValues = false, bfloat16Inputs = 0, convolves = false, followsConvolutions = false } = traits;
    if (convolves && recording.lowDtype !== null) return this.convolved(type, inputs, attributes);
    if (first === undefined || first.full.isMade || !first.low.isMade) return null;
    if (followsConvolutions && first.isConvolved === true) return this.convolved(type, inputs, attributes);
    const count = movesValues ? 1 : bfloat16Inputs;
    if (count > 0) {
      const low = inputs.slice(0, count).map((node) => (movesValues ? node.low.value : recording.bfloat16(node)));
      const references = [...low, ...inputs.slice(count).map((node) => node.full.value)];
      return low.includes(null)
        ? null
        : recording.operation(type, references as OutputNumber[], this.loweredAttributes(attributes)).nodes;
    }
    // A matrix product and its bias: one operation, rounded once, as in PyTorch's autocast.
    if (
      type === 'Add' &&
      first.shape.length > 1 &&
      second?.shape.length === 1 &&
      second.shape[0] === first.shape.at(-1)
    ) {
      return recording.operation('BiasAdd', [first.low.value, second.low.value], []).nodes;
    }
    return null;
  }

  /** The operation entirely in low precision, as PyTorch's autocast computes between two convolutions. */
  private convolved(type: string, inputs: readonly Node[], attributes: readonly OperationAttribute[]): Node[] {
    const [first, second] = inputs;
    const { recording } = this;
    const isBias = type === 'Add' && first?.shape.length === 4 && second?.shape.length === 1;
    const references = inputs.map((node) => (node.dtype === 'float32' ? node.low : node.full).value);
    const { nodes } = isBias
      ? recording.operation('BiasAdd', references, [])
      : recording.operation(
          type,
          groupInputs(recording.graph.inputPattern(type), references),
          this.loweredAttributes(attributes),
        );
    return nodes.map((node) => ({ ...node, isConvolved: true }));
  }

  /** Attributes of an operation whose float32 input has low precision. */
  private loweredAttributes(attributes: readonly OperationAttribute[]): OperationAttribute[] {
    return attributes.map((attribute) =>
      attribute.name === 'T' ? { ...attribute, value: this.recording.lowDtype } : attribute,
    );
  }
}
