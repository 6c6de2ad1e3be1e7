// Moves values into the variables of a model: read from a file, drawn from the seed, or copied from another table.
import * as tf from '@tensorflow/tfjs';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { fused } from '../../fused.js';
import { sizeOf } from '../../shapes.js';
import { createFiller, type Filler } from './fill.js';
import { VISUAL_TABLES } from './ties.js';

/** Tensors read at the same time: the copies out of the file's cache share the cores with the check of what has arrived. */
const READERS = 3;

/** Reads every matched tensor into its parameter. Returns the keys with values that are not finite. @throws CheckpointError */
export async function fillParameters(
  file: TensorFile,
  parameters: ReadonlyMap<string, tf.Variable>,
  keyOf: ReadonlyMap<string, string>,
): Promise<string[]> {
  const nonFinite = new Set<string>();
  let hasFailed = false;
  const entries = keyOf.entries();
  const readAll = async (filler: Filler): Promise<void> => {
    for (const [name, key] of entries) {
      const variable = parameters.get(name) as tf.Variable;
      const values = filler.array(sizeOf(variable.shape));
      await file.readFloat32(key, values);
      if (hasFailed) return;
      const tensor = tf.tensor(values, variable.shape, 'float32');
      if (!allFinite(tensor, values)) nonFinite.add(key);
      assign(variable, tensor);
    }
  };
  const readers = Array.from({ length: READERS }, () =>
    readAll(createFiller()).catch((error: unknown) => {
      hasFailed = true;
      throw error;
    }),
  );
  // The file must not be closed, nor the model disposed, while a read is in progress.
  const failure = (await Promise.allSettled(readers)).find(({ status }) => status === 'rejected');
  if (failure !== undefined) throw (failure as PromiseRejectedResult).reason;
  return [...keyOf.values()].filter((key) => nonFinite.has(key));
}

/** Gives a variable a value, which is disposed. */
export function assign(variable: tf.Variable, value: tf.Tensor): void {
  variable.assign(value);
  value.dispose();
}

/** Gives missing visual tables the values of the text tables that the file did fill (`specialVisualInitialize`). Returns their names. */
export function copyTextTables(parameters: ReadonlyMap<string, tf.Variable>, missing: ReadonlySet<string>): string[] {
  const copied: string[] = [];
  for (const [visual, text] of VISUAL_TABLES) {
    const prefix = parameters.has(visual) ? '' : 'visual_bert.';
    const [target, source] = [parameters.get(prefix + visual), parameters.get(prefix + text)];
    if (target !== undefined && source !== undefined && missing.has(prefix + visual) && !missing.has(prefix + text)) {
      assign(target, tf.clone(source));
      copied.push(prefix + visual);
    }
  }
  return copied;
}

function allFinite(tensor: tf.Tensor, values: Float32Array): boolean {
  const [result] = fused('AllFinite', { x: tensor }) ?? [];
  if (result !== undefined) {
    const answer = result.dataSync()[0] === 1;
    result.dispose();
    return answer;
  }
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
