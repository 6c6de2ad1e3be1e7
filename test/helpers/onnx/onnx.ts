// Exported models in onnxruntime: a model as model.onnx, and a pass with the inputs of `forward`.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect } from '@jest/globals';
import type * as tf from '@tensorflow/tfjs';
import { type ConversionReport, convertCheckpoint } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { onnxInputs, type OnnxTensor } from '../../../src/convert/onnx/inputs.js';
import type { ModelInputs } from '../../../src/models/inputs/inputs.js';
import type { VisualBertPreTrainedModel } from '../../../src/models/pretrained-model.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { uniformValues } from '../../../src/random/values.js';
import { sizeOf } from '../../../src/shapes.js';
import { type Fixture, section } from '../parity/fixture.js';
import { difference, largest } from '../parity/parity.js';
import { type ModelName, TINY } from '../models/tiny-model.js';

/** Other orders of sums give 4e-6 at most. */
export const ONNX_TOLERANCE = 1e-5;
/** Inputs that no graph has. */
const LEFT_OUT = ['inputsEmbeds', 'headMask', 'positionIds', 'maskedPositions'];

/** Inputs of `forward` that a graph takes. */
export type GraphInputs = Readonly<Record<string, RawTensor>> & { inputIds: RawTensor };

/** Saves a model and converts it into `folder`; the saved model is removed again. */
export async function exportOnnx(
  model: VisualBertPreTrainedModel,
  folder: string,
  options: Partial<ConvertOptions> = {},
): Promise<ConversionReport> {
  const saved = `${folder}-saved`;
  await model.savePretrained(saved);
  try {
    return await convertCheckpoint(saved, { outDir: folder, format: 'onnx', allowIncomplete: true, ...options });
  } finally {
    rmSync(saved, { recursive: true });
  }
}

/** Inputs of a fixture or of `forward` as those of the graph; text alone has no region. */
export function graphInputs({ config }: VisualBertPreTrainedModel, inputs: GraphInputs): Record<string, OnnxTensor> {
  const shape = [...inputs.inputIds.shape.slice(0, -1), 0, config.visualEmbeddingDim];
  return onnxInputs({ visualEmbeds: { dtype: 'float32', shape, data: new Float32Array() }, ...inputs });
}

/** Random inputs of a tiny model; every row is shorter by one than the row before, down to two tokens and no region. */
export function sizedInputs(name: ModelName, { b, t, v }: { b: number; t: number; v: number }): GraphInputs {
  const lead = name === 'VisualBertForMultipleChoice' ? [b, 3] : [b];
  const { vocabSize = 0, visualEmbeddingDim = 0 } = TINY;
  const random = (shape: number[]): Float32Array => uniformValues(sizeOf(shape), b, t, v + sizeOf(shape));
  const ids = (shape: number[], below: number): RawTensor => ({
    dtype: 'int32',
    shape,
    data: Int32Array.from(random(shape), (x) => Math.floor(x * below)),
  });
  const mask = (length: number, least: number): RawTensor => {
    const data = new Int32Array(sizeOf(lead) * length);
    const end = (row: number): number => row * length + Math.min(length, Math.max(least, length - row));
    for (let row = 0; row < sizeOf(lead); row++) data.fill(1, row * length, end(row));
    return { dtype: 'int32', shape: [...lead, length], data };
  };
  const features = [...lead, v, visualEmbeddingDim];
  return {
    inputIds: ids([...lead, t], vocabSize),
    attentionMask: mask(t, 2),
    tokenTypeIds: ids([...lead, t], 2),
    visualEmbeds: { dtype: 'float32', shape: features, data: random(features) },
    visualAttentionMask: mask(v, 0),
    visualTokenTypeIds: ids([...lead, v], 2),
    ...(name === 'VisualBertForRegionToPhraseAlignment' && { regionToPhrasePosition: ids([b, 2], t) }),
    ...(name === 'VisualBertForMultipleChoice' && { imageTextAlignment: ids([...lead, v, 2], t) }),
  };
}

/** Whether a graph has the inputs that a fixture was called with. */
export function isGraphCall({ meta, tensors }: Fixture): boolean {
  const input = (name: string): RawTensor | undefined => tensors.get(`inputs/${name}`);
  const masks = [input('attentionMask'), input('visualAttentionMask')];
  const alignment = input('imageTextAlignment');
  return (
    LEFT_OUT.every((name) => input(name) === undefined) &&
    masks.every((mask) => mask?.data.every(Number.isInteger) ?? true) &&
    (alignment === undefined || (meta.class === 'VisualBertForMultipleChoice' && alignment.shape.length === 4)) &&
    meta.options.addPoolingLayer !== false
  );
}

/** The inputs of a fixture. */
export function graphInputsOf(fixture: Fixture): GraphInputs {
  return Object.fromEntries(section(fixture, 'inputs')) as GraphInputs;
}

/** The outputs of `forward`. */
export async function forwardOutputs(
  model: VisualBertPreTrainedModel,
  inputs: GraphInputs,
): Promise<Map<string, RawTensor>> {
  const outputs = Object.entries(model.forward(inputs as ModelInputs) as unknown as Record<string, tf.Tensor>);
  const read = outputs.map(async ([name, tensor]): Promise<[string, RawTensor]> => {
    const data = (await tensor.data()) as Float32Array;
    tensor.dispose();
    return [name, { dtype: 'float32', shape: tensor.shape, data }];
  });
  return new Map(await Promise.all(read));
}

/** The largest difference between outputs; fails unless both have the same names and shapes. */
export function farthest(received: ReadonlyMap<string, RawTensor>, expected: ReadonlyMap<string, RawTensor>): number {
  const shapes = (outputs: ReadonlyMap<string, RawTensor>): object =>
    Object.fromEntries([...outputs].map(([name, { shape }]) => [name, shape]));
  expect(shapes(received)).toEqual(shapes(expected));
  return Math.max(
    ...[...received].map(([name, { data }]) => largest(difference(data, expected.get(name)?.data ?? []))),
  );
}

/** onnxruntime in a worker of its own; the caller closes it. */
export class OnnxRuntime {
  private readonly worker = new Worker('./test/helpers/onnx/onnx-worker.mjs');

  /** Runs the model in a file. Outputs are named as those of `forward`. @throws Error as onnxruntime says it */
  async run(path: string, inputs: Readonly<Record<string, OnnxTensor>>): Promise<Map<string, RawTensor>> {
    this.worker.postMessage({ path, inputs });
    const [{ outputs, error }] = (await once(this.worker, 'message')) as [
      { outputs?: Record<string, { shape: number[]; data: Float32Array }>; error?: string },
    ];
    if (outputs === undefined) throw new Error(error);
    return new Map(
      Object.entries(outputs).map(([name, { shape, data }]) => [
        name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        { dtype: 'float32', shape, data },
      ]),
    );
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
