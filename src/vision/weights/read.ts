// Reads a detector's weights from any layout layer by layer, folds batch norms, and moves the background to the last class.
import { tf } from '#tf';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { CheckpointError } from '../../errors.js';
import { createNetwork, createPart, type DetectorNetwork, type NetworkPart } from '../detector/network.js';
import { foldBatchNorm } from '../layers/batch-norm.js';
import type { PlannedLayer, WeightPlan } from './plan.js';

/** A layer's values in the order of its specification. */
export interface LayerValues {
  weight: Float32Array;
  bias?: Float32Array;
}

/** Reads one layer. @throws CheckpointError when the file is damaged, or values are not finite. */
export async function readLayer({ file, layout }: WeightPlan, planned: PlannedLayer): Promise<LayerValues> {
  const { layer, keys } = planned;
  const weight = await file.readFloat32(keys.weight);
  const values: LayerValues = { weight };
  if (keys.bias !== undefined) values.bias = await file.readFloat32(keys.bias);
  if (keys.norm !== undefined) values.bias = foldBatchNorm(weight, await readNorm(file, keys.norm), layout.epsilon);
  const ordered = layout.background === 'first' ? withBackgroundLast(layer.name, values) : values;
  for (const part of [ordered.weight, ordered.bias]) {
    if (part?.some((value) => !Number.isFinite(value))) {
      throw new CheckpointError(
        `${file.name}: "${keys.weight}", its bias or its norm holds values that are not finite`,
      );
    }
  }
  return ordered;
}

/** Reads all layers into a network. The caller owns it. */
export async function readNetwork(plan: WeightPlan): Promise<DetectorNetwork> {
  const parts = new Map<string, NetworkPart>();
  try {
    for (const planned of plan.layers) {
      const { weight, bias } = await readLayer(plan, planned);
      const { layer } = planned;
      const stored = tf.tensor(weight, [...layer.shape], 'float32');
      parts.set(layer.name, createPart(layer, stored, bias === undefined ? null : tf.tensor1d(bias), plan.config));
    }
  } catch (error) {
    tf.dispose(Object.fromEntries(parts) as unknown as tf.TensorContainer);
    throw error;
  }
  return createNetwork(plan.config, parts);
}

async function readNorm(
  file: TensorFile,
  { gamma, beta, mean, variance }: NonNullable<PlannedLayer['keys']['norm']>,
): Promise<Parameters<typeof foldBatchNorm>[1]> {
  return {
    gamma: await file.readFloat32(gamma as string),
    beta: await file.readFloat32(beta as string),
    ...(mean !== undefined && { mean: await file.readFloat32(mean) }),
    ...(variance !== undefined && { variance: await file.readFloat32(variance) }),
  };
}

/** Moves the first row of the classes to the end; drops the first box (background). */
function withBackgroundLast(name: string, { weight, bias = new Float32Array() }: LayerValues): LayerValues {
  if (name === 'predictor.boxes') {
    const dropped = weight.length / bias.length;
    return { weight: weight.slice(4 * dropped), bias: bias.slice(4) };
  }
  if (name !== 'predictor.classes') return { weight, bias };
  const rotated = (values: Float32Array, width: number): Float32Array => {
    const result = new Float32Array(values.length);
    result.set(values.subarray(width));
    result.set(values.subarray(0, width), values.length - width);
    return result;
  };
  return { weight: rotated(weight, weight.length / bias.length), bias: rotated(bias, 1) };
}
