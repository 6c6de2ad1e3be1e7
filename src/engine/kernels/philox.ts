// The kernel `PhiloxUniform` on TensorFlow, eager and recorded: bit for bit the numbers of src/random.
import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import { PHILOX_UNIFORM, type PhiloxUniformAttrs } from '../../random/philox-uniform.js';
import type { NodeKernelBackend } from '../load/kernel-backend.js';
import { TF_DTYPE, type OperationAttribute } from '../load/addon.js';
import { typeAttribute } from '../recording/tensorflow-values.js';
import type { GraphKernel } from './graph-kernel.js';

/** `tensorflow.random.Algorithm.PHILOX`. */
const PHILOX = 1;

const TO_UINT64: OperationAttribute[] = [typeAttribute('T', TF_DTYPE.int32), typeAttribute('type', TF_DTYPE.uint64)];
const UNIFORM: OperationAttribute[] = [
  typeAttribute('dtype', TF_DTYPE.float32),
  typeAttribute('Tshape', TF_DTYPE.int32),
];

/** Key and counter as int32 words: TensorFlow wants uint64, which tfjs does not have, so they are reinterpreted inside TensorFlow. */
function operands(key: tf.TensorInfo, { shape, salt }: PhiloxUniformAttrs): tf.Tensor[] {
  return [
    tf.tensor1d(shape, 'int32'),
    tf.reshape(key as tf.Tensor, [1, 2]),
    tf.tensor2d(Int32Array.of(0, 0, salt, 0), [2, 2], 'int32'),
    tf.scalar(PHILOX, 'int32'),
  ];
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
        const ids = eager.getInputTensorIds(operands(inputs['key'] as tf.TensorInfo, attrs as PhiloxUniformAttrs));
        const [sizes, keyWords, counterWords, algorithm] = ids as [number, number, number, number];
        const toUint64 = (id: number): number => binding.executeOp('Bitcast', TO_UINT64, [id], 1)[0]?.id as number;
        const [uint64Key, counter] = [toUint64(keyWords), toUint64(counterWords)];
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
      const references = given.map((tensor) => recording.full(backend.nodeOf(tensor)));
      const [sizes, keyWords, counterWords, algorithm] = references as [number, number, number, number];
      const toUint64 = (words: number): number => recording.output('Bitcast', [words], TO_UINT64);
      const inputs = [sizes, toUint64(keyWords), toUint64(counterWords), algorithm];
      const [node] = recording.operation('StatelessRandomUniformV2', inputs, UNIFORM).nodes;
      if (node === undefined) throw new EngineError('StatelessRandomUniformV2 gave no output');
      return backend.tensorOf(node, PHILOX_UNIFORM);
    }),
};

/** What of tfjs-node's backend the eager kernel needs beside its declared part. */
interface EagerBackend extends NodeKernelBackend {
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(metadata: unknown): tf.Tensor;
}
