// Per-operation traits: what recordings may do with an operation's inputs and result.

/** Absent traits do not apply: the operation reads float32 and may return the memory of an input. */
export interface OperationTraits {
  /** Its result never shares memory with an input that something else reads. All others may pass their input on. */
  ownsResult?: true;
  /** It moves values without computing: a low-precision first input is used as it is. */
  movesValues?: true;
  /** It computes in low precision when its inputs have it. */
  convolves?: true;
  /** It keeps the precision of a convolution's result. */
  followsConvolutions?: true;
  /** This many of its first inputs may be bfloat16, all of them or none; it computes in float32 internally. */
  bfloat16Inputs?: number;
}

/** By TensorFlow's name for the operation. */
export type OperationTable = Readonly<Record<string, OperationTraits>>;

const named = (names: string, traits: OperationTraits): OperationTable =>
  Object.fromEntries(names.split(' ').map((name) => [name, traits]));

/** TensorFlow's own operations. Those of native/kernels have their traits where they are used. */
export const TENSORFLOW_OPERATIONS: OperationTable = {
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
};
