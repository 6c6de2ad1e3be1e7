// The kernel `PhiloxUniform` on TensorFlow, eager and recorded: bit for bit the numbers of src/random.
import { tf } from '#tf';
import { EngineError } from '../../errors.js';
import { blocksBefore, PHILOX_UNIFORM, type PhiloxUniformAttrs } from '../../random/philox-uniform.js';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import { TF_DTYPE, type OperationAttribute } from '../load/addon.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { Node } from '../recording/node.js';
import type { GraphKernel } from './graph-kernel.js';

/** `tensorflow.random.Algorithm.PHILOX`. */
const PHILOX = 1;

const TO_UINT64: OperationAttribute[] = [typeAttribute('T', TF_DTYPE.int32), typeAttribute('type', TF_DTYPE.uint64)];
const UNIFORM: OperationAttribute[] = [
  typeAttribute('dtype', TF_DTYPE.float32),
  typeAttribute('Tshape', TF_DTYPE.int32),
];

const WORDS: OperationAttribute[] = [typeAttribute('dtype', TF_DTYPE.int32), typeAttribute('Tshape', TF_DTYPE.int32)];

/** The inputs except the counter. Keys are int32 words, which TensorFlow reinterprets as uint64: tfjs has no such dtype. */
function operands(
  key: tf.TensorInfo,
  { shape }: PhiloxUniformAttrs,
): [sizes: tf.Tensor, key: tf.Tensor, algorithm: tf.Tensor] {
  const words = tf.slice(key as tf.Tensor1D, [0], [2]);
  return [tf.tensor1d(shape, 'int32'), tf.reshape(words, [1, 2]), tf.scalar(PHILOX, 'int32')];
}

/** The first counter as int32 words: the number of its block in 64 bits, and the salt. */
function counterWords(salt: number, block = 0): tf.Tensor {
  return tf.tensor2d(Int32Array.of(block, Math.floor(block / 2 ** 32), salt, 0), [2, 2], 'int32');
}

/** Registers the kernel for the native backend. */
export function registerEagerPhilox(backendName: string): void {
  tf.registerKernel({
    kernelName: PHILOX_UNIFORM,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) =>
      tf.tidy(() => {
        const eager = backend as EagerBackend;
        const { binding } = eager;
        const key = inputs['key'] as tf.TensorInfo;
        const { shape, salt } = attrs as PhiloxUniformAttrs;
        const worker = key.shape[0] === 3 ? ((eager.readSync(key.dataId) as Int32Array)[2] ?? 0) : 0;
        const given = [...operands(key, attrs as PhiloxUniformAttrs), counterWords(salt, blocksBefore(shape, worker))];
        const ids = eager.getInputTensorIds(given);
        const [sizes, keyWords, algorithm, counters] = ids as [number, number, number, number];
        const toUint64 = (id: number): number => binding.executeOp('Bitcast', TO_UINT64, [id], 1)[0]?.id as number;
        const [uint64Key, counter] = [toUint64(keyWords), toUint64(counters)];
        const uniformInputs = [sizes, uint64Key, counter, algorithm];
        const [result] = binding.executeOp('StatelessRandomUniformV2', UNIFORM, uniformInputs, 1);
        binding.deleteTensor(uint64Key);
        binding.deleteTensor(counter);
        return eager.createOutputTensor(result);
      }),
  });
}

/** The kernel of recordings. */
export const PHILOX_KERNEL: GraphKernel = {
  name: PHILOX_UNIFORM,
  runsOnGpu: true,
  writesInPlace: false,
  record: (backend, { key }, attrs) =>
    tf.tidy(() => {
      const { recording } = backend;
      const given = operands(key as tf.TensorInfo, attrs as unknown as PhiloxUniformAttrs);
      const reference = (tensor: tf.TensorInfo): number => backend.nodeOf(tensor).full.value;
      const [sizes, keyWords, algorithm] = given.map(reference) as [number, number, number];
      const toUint64 = (words: number): number => recording.output('Bitcast', [words], TO_UINT64);
      const counter = recordCounter(backend, key as tf.Tensor1D, attrs as unknown as PhiloxUniformAttrs);
      const inputs = [sizes, toUint64(keyWords), toUint64(counter), algorithm];
      const [node] = backend.usesXla
        ? fractions(backend, recording.output('StatelessRandomUniformFullIntV2', inputs, WORDS))
        : recording.operation('StatelessRandomUniformV2', inputs, UNIFORM).nodes;
      if (node === undefined) throw new EngineError('the random numbers have no output');
      return backend.tensorOf(node, PHILOX_UNIFORM);
    }),
};

/**
 * The numbers in [0, 1) that TensorFlow makes of random words: their low 23 bits are the fraction of a number in [1, 2). XLA compiles
 * `StatelessRandomUniformV2` to other numbers, made of the high bits.
 */
function fractions(backend: GraphBackend, words: number): readonly Node[] {
  const { recording } = backend;
  const constant = (value: number, dtype: 'int32' | 'float32'): number =>
    backend.nodeOf(tf.scalar(value, dtype)).full.value;
  const fraction = recording.output('BitwiseAnd', [words, constant(0x7fffff, 'int32')], []);
  const bits = recording.output('BitwiseOr', [fraction, constant(0x3f800000, 'int32')], []);
  const floats = recording.output('Bitcast', [bits], [typeAttribute('type', TF_DTYPE.float32)]);
  return recording.operation('Sub', [floats, constant(1, 'float32')], []).nodes;
}

/** The words of the first counter; a worker's first block is its number, which is fed, times the blocks of one worker. */
function recordCounter(backend: GraphBackend, key: tf.Tensor1D, { shape, salt }: PhiloxUniformAttrs): number {
  const { recording } = backend;
  const reference = (tensor: tf.TensorInfo): number => backend.nodeOf(tensor).full.value;
  const plain = counterWords(salt);
  if (key.shape[0] !== 3) return reference(plain);
  const wide = (tensor: tf.TensorInfo): number =>
    recording.output('Cast', [reference(tensor)], [typeAttribute('DstT', TF_DTYPE.int64)]);
  const blocks = tf.scalar(blocksBefore(shape, 1), 'int32');
  const block = recording.output('Mul', [wide(tf.slice(key, [2], [1])), wide(blocks)], []);
  const words = recording.output('Bitcast', [block], [typeAttribute('type', TF_DTYPE.int32)]); // [1, 2]
  const saltWords = reference(tf.slice(plain as tf.Tensor2D, [1, 0], [1, 2]));
  return recording.output('ConcatV2', [[words, saltWords], reference(tf.scalar(0, 'int32'))], []);
}

/** What the eager kernel needs of tfjs-node's backend besides its declared part. */
interface EagerBackend extends NodeKernelBackend {
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: unknown): tf.Tensor;
}
