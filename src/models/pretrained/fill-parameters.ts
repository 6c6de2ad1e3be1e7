// The values of a model's parameters: read from a file, drawn from the seed, or copied from another table.
import { tf } from '#tf';
import type { TensorFile } from '../../checkpoint/tensor-file.js';
import { fused, hasKernel } from '../../fused.js';
import type { FloatsInFile } from '../../raw-tensor.js';
import { sizeOf } from '../../shapes.js';
import { createFiller, type Filler } from './fill.js';

/** Tensors read at the same time, so that reading overlaps with the check of values. */
const READERS = 3;

/** The sources of a model's parameters. */
export interface ValueSources {
  /** Parameters that the file fills -> its keys. */
  keyOf: ReadonlyMap<string, string>;
  /** Parameters that are copies -> the parameters that they are copies of. */
  copies: ReadonlyMap<string, string>;
  /** Draws all others. */
  fresh(name: string, shape: number[]): tf.Tensor;
}

/** The values of a model's parameters, wherever they come from. */
export interface ParameterValues {
  /** Values of one parameter; `array` provides memory for values of the file. @throws CheckpointError */
  read(name: string, array: (size: number) => Float32Array): Promise<Float32Array>;
  /** The location of a parameter's values in a file of this machine; null where `read` is needed. */
  inFile(name: string): FloatsInFile | null;
  /** Keys of the file whose values, read so far, are not all finite. */
  nonFiniteKeys(): string[];
}

/** Values from a file that stays open; parameters that it lacks are copied or drawn. */
export function storedValues(
  file: TensorFile,
  parameters: ReadonlyMap<string, tf.Variable>,
  { keyOf, copies, fresh }: ValueSources,
): ParameterValues {
  const nonFinite = new Set<string>();
  const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
  const sourceOf = (name: string): string => copies.get(name) ?? name;
  const note = (key: string, areFinite: boolean): void => {
    if (!areFinite) nonFinite.add(key);
  };
  return {
    inFile: (name) => {
      const key = keyOf.get(sourceOf(name));
      const location = key === undefined ? undefined : file.floatsInFile?.(key);
      return key === undefined || !location ? null : { ...location, onRead: (areFinite) => note(key, areFinite) };
    },
    read: async (name, array) => {
      const source = sourceOf(name);
      const key = keyOf.get(source);
      const shape = shapes.get(source) ?? [];
      if (key === undefined) {
        const drawn = fresh(source, shape);
        const values = (await drawn.data()) as Float32Array;
        drawn.dispose();
        return values;
      }
      const values = await file.readFloat32(key, array(sizeOf(shape)));
      note(key, allFinite(values));
      return values;
    },
    nonFiniteKeys: () => [...keyOf.values()].filter((key) => nonFinite.has(key)),
  };
}

/** Gives every parameter its value. @throws CheckpointError */
export async function fillParameters(
  parameters: ReadonlyMap<string, tf.Variable>,
  { read }: ParameterValues,
): Promise<void> {
  let hasFailed = false;
  const entries = parameters.entries();
  const readAll = async ({ array }: Filler): Promise<void> => {
    for (const [name, variable] of entries) {
      const values = await read(name, array);
      if (hasFailed) return;
      const tensor = tf.tensor(values, variable.shape, 'float32');
      variable.assign(tensor);
      tensor.dispose();
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
}

function allFinite(values: Float32Array): boolean {
  if (hasKernel('AllFinite'))
    return tf.tidy(() => fused('AllFinite', { x: tf.tensor(values) })?.[0]?.dataSync()[0] === 1);
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
