// Per-operation traits: what recordings may do with an operation's inputs and result.
import { OWN_OPERATIONS, type OperationTraits } from './own-operations.js';

const named = (names: string, traits: OperationTraits): [string, OperationTraits][] =>
  names.split(' ').map((name) => [name, traits]);

const TRAITS: ReadonlyMap<string, OperationTraits> = new Map([
  ...named('Reshape Transpose Slice ExpandDims Squeeze Identity', { movesValues: true }),
  ...named(
    'MatMul BatchMatMulV2 GatherV2 AddV2 Sub RealDiv Div DivNoNan Sqrt Rsqrt Square Exp Log Erf Tanh Neg Maximum Minimum Pow ' +
      'Select SelectV2 Greater GreaterEqual Less LessEqual Equal NotEqual Softmax UnsortedSegmentSum OneHot Fill DeepCopy ' +
      'StatelessRandomUniformV2 AssignVariableOp',
    { ownsResult: true },
  ),
  ...named('Add Mul', { ownsResult: true, followsConvolutions: true }),
  ...named('Relu MaxPool PadV2 ConcatV2 SplitV ResizeNearestNeighbor', { followsConvolutions: true }),
  ...named('Conv2D', { convolves: true }),
  ...Object.entries(OWN_OPERATIONS),
]);

/** The traits of an operation, by TensorFlow's name for it. */
export function traitsOf(type: string): OperationTraits {
  return TRAITS.get(type) ?? {};
}
