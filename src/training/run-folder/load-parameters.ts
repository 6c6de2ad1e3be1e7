// Loads the weights of a checkpoint into an existing model: strict, by name and shape.
import { join } from 'node:path';
import { tf } from '#tf';
import { openSource } from '#platform';
import { openSafetensors } from '../../checkpoint/safetensors.js';
import { CheckpointError } from '../../errors.js';
import { isSameShape } from '../../shapes.js';
import { type TrainableModel } from '../step/trainable-model.js';

/**
 * Reads `model.safetensors` of a folder into the model's parameters.
 * @throws CheckpointError when a parameter is missing or has another shape; the model is then unchanged
 */
export async function loadParameters(model: TrainableModel, dir: string): Promise<void> {
  const path = join(dir, 'model.safetensors');
  const source = await openSource(path);
  try {
    const file = await openSafetensors(source);
    const parameters = model.namedParameters();
    for (const [name, { shape }] of parameters) {
      const stored = file.tensors.get(name)?.shape;
      if (stored === undefined || !isSameShape(stored, shape)) {
        throw new CheckpointError(
          `${path}: expected "${name}" [${shape.join(', ')}], found ${stored === undefined ? 'none' : `[${stored.join(', ')}]`}; it belongs to another model`,
        );
      }
    }
    for (const [name, parameter] of parameters) {
      const values = await file.readFloat32(name);
      tf.tidy(() => parameter.assign(tf.tensor(values, parameter.shape)));
    }
  } finally {
    await source.close();
  }
}
