// A stand-in model, data set and task for the trainer: logistic regression on points, with dropout and exact padding.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeWhole } from '../../src/byte-sink.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { createSink } from '../../src/platform/node.js';
import { philoxUniform } from '../../src/random/philox-uniform.js';
import { uniformValues } from '../../src/random/values.js';
import { type Dataset, type Task } from '../../src/evaluation/task.js';
import type { Tensors } from '../../src/raw-tensor.js';
import { type TrainerModel } from '../../src/training/loop/trainer-options.js';
import { prepareArrays } from './array-inputs.js';

export interface Point {
  x: number[];
  label: number;
}

const WIDTH = 5;
const CLASSES = 3;

/** Points whose class is a fixed function of them; every seventh is longer, for batches by length. */
export function points(count: number, seed: number): Dataset<Point> {
  const values = uniformValues(count * WIDTH, seed, 0, 1);
  return {
    length: count,
    fingerprint: `points-${count}-${seed}`,
    example: async (index) => {
      const x = [...values.subarray(index * WIDTH, (index + 1) * WIDTH)].map((value) => 2 * value - 1);
      const [a = 0, b = 0, c = 0] = x;
      return { x, label: a > b ? 0 : b > c ? 1 : 2 };
    },
    sizeOf: (index) => ({ text: index % 7, regions: 0 }),
  };
}

export const pointTask: Task<Point> = {
  name: 'points',
  primaryMetric: 'accuracy',
  greaterIsBetter: true,
  collate: async (examples) => ({
    count: examples.length,
    inputs: {
      x: { dtype: 'float32', shape: [examples.length, WIDTH], data: Float32Array.from(examples.flatMap(({ x }) => x)) },
      labels: { dtype: 'int32', shape: [examples.length], data: Int32Array.from(examples.map(({ label }) => label)) },
    },
  }),
  describe: (examples, outputs) =>
    examples.map(({ x, label }, i) => {
      const logits = [...(outputs['logits']?.data as Float32Array).subarray(i * CLASSES, (i + 1) * CLASSES)];
      const predicted = logits.indexOf(Math.max(...logits));
      const scores = [[`class ${predicted}`, 0.5 + 0.001 * i]] as const;
      const note = {
        id: String(i),
        text: `<${x.length} numbers>`,
        expected: `class ${label}`,
        predicted: `class ${predicted}`,
      };
      return {
        ...note,
        scores,
        correct: Number(predicted === label),
        images: [{ id: `p${i}`, width: 8, height: 4, boxes: [[1, 1, 3, 3]] }],
      };
    }),
  createMetric: () => {
    let [right, total] = [0, 0];
    return {
      update: (examples, outputs) => {
        const logits = outputs['logits']?.data as Float32Array;
        examples.forEach(({ label }, i) => {
          const row = [...logits.subarray(i * CLASSES, (i + 1) * CLASSES)];
          right += row.indexOf(Math.max(...row)) === label ? 1 : 0;
          total += 1;
        });
      },
      compute: () => ({ accuracy: right / total }),
    };
  },
};

/** `logits = dropout(x) W + b`; loss: mean cross-entropy over labels that are not -100. */
export function pointModel(seed = 0): TrainerModel & { dispose(): void } {
  const start = tf.tensor(uniformValues(WIDTH * CLASSES, seed, 0, 2), [WIDTH, CLASSES]);
  const zeros = tf.zeros([CLASSES]);
  const parameters = new Map([
    ['dense.weight', tf.variable(start)],
    ['dense.bias', tf.variable(zeros)],
  ]);
  tf.dispose([start, zeros]);
  const weight = parameters.get('dense.weight') as tf.Variable;
  const bias = parameters.get('dense.bias') as tf.Variable;
  return {
    namedParameters: () => parameters,
    prepareArrays,
    holdParameters: () => undefined,
    compute: ({ x, labels }: Tensors, { training, dropoutKey }) => {
      const points = x as tf.Tensor2D;
      const kept =
        training && dropoutKey !== null
          ? tf.mul(points, tf.cast(tf.greater(philoxUniform(points.shape, dropoutKey, 7), 0.2), 'float32'))
          : points;
      const logits = tf.add(tf.matMul(kept as tf.Tensor2D, weight as tf.Tensor2D), bias);
      if (labels === undefined) return { logits };
      const isCounted = tf.cast(tf.greaterEqual(labels, 0), 'float32');
      const picked = tf.sum(
        tf.mul(tf.logSoftmax(logits), tf.oneHot(tf.maximum(labels, 0).toInt() as tf.Tensor1D, CLASSES)),
        1,
      );
      const loss = tf.div(tf.neg(tf.sum(tf.mul(picked, isCounted))), tf.sum(isCounted)) as tf.Scalar;
      return { logits, loss };
    },
    savePretrained: async (dir) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'config.json'), '{}\n');
      await writeWhole(await createSink(join(dir, 'model.safetensors')), (sink) =>
        writeSafetensors(
          sink,
          [...parameters].map(([name, variable]) => ({
            name,
            dtype: 'F32',
            shape: variable.shape,
            bytes: async () => new Uint8Array((await variable.data()).slice().buffer),
          })),
        ),
      );
    },
    dispose: () => tf.dispose([...parameters.values()]),
  };
}
