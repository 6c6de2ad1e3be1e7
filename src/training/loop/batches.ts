// Batches made while the step runs, and the exact padding of a short one.
import { type RawTensor } from '../../raw-tensor.js';
import { type Batch, type Dataset, type Task } from '../task.js';

/**
 * Runs `make` for each item a few places ahead of the reader; a new one is begun once the reader has gone to work, not while it waits.
 * Results come in order; an error surfaces at its place.
 */
export async function* prefetch<T, R>(
  items: readonly T[],
  ahead: number,
  make: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  let next = 0;
  const fill = (): void => {
    while (next < items.length && pending.length <= ahead) {
      const made = make(items[next++] as T);
      made.catch(() => undefined); // reported when its turn comes
      pending.push(made);
    }
  };
  try {
    for (;;) {
      if (pending.length === 0) fill();
      const first = pending.shift();
      if (first === undefined) return;
      const made = await first;
      setTimeout(fill, 0);
      yield made;
    }
  } finally {
    next = items.length; // the reader has stopped early
  }
}

/** Reads and collates the examples of one batch. */
export async function readBatch<E>(
  task: Task<E>,
  dataset: Dataset<E>,
  indices: readonly number[],
  seeding: { seed: number; epoch: number; training: boolean },
): Promise<{ examples: E[]; batch: Batch }> {
  const examples = await Promise.all(indices.map((index) => dataset.example(index)));
  return { examples, batch: await task.collate(examples, seeding) };
}

/** The value of an integer label that no loss counts. */
const IGNORED_LABEL = -100;
const LABELS = new Set(['labels', 'sentenceImageLabels']);

/**
 * A batch of exactly `size` examples, so that a recorded step fits: the last example is repeated with labels that no loss
 * counts (integers -100, soft labels 0), and `exampleCount` names the real ones. Loss and gradients are those of the short batch.
 */
export function padBatch({ inputs, count }: Batch, size: number): Batch {
  const padded: Record<string, RawTensor> = {
    exampleCount: { dtype: 'float32', shape: [], data: Float32Array.of(count) },
  };
  for (const [name, tensor] of Object.entries(inputs)) {
    padded[name] = tensor.shape[0] === count ? padRows(tensor, size, LABELS.has(name)) : tensor;
  }
  return { inputs: padded, count };
}

/** Inputs that tell places in use (1) from padding (0). */
const MASKS = ['attentionMask', 'visualAttentionMask'];

/** Places of a batch that is padded to `size` examples, and how many of them hold nothing. */
export function countPadding({ inputs, count }: Batch, size: number): { places: number; padded: number } {
  const masks = MASKS.flatMap((name) => (inputs[name] === undefined ? [] : [inputs[name].data]));
  const places = masks.reduce((sum, { length }) => sum + (length / count) * size, 0);
  const used = masks.reduce((sum, mask) => sum + Array.from(mask).filter((value) => value !== 0).length, 0);
  return { places, padded: places - used };
}

function padRows(tensor: RawTensor, size: number, isLabel: boolean): RawTensor {
  const [count = 0, ...rest] = tensor.shape;
  const row = tensor.data.length / count;
  const data = new (tensor.data.constructor as Float32ArrayConstructor)(size * row) as RawTensor['data'];
  data.set(tensor.data);
  if (isLabel) data.fill(tensor.dtype === 'int32' ? IGNORED_LABEL : 0, count * row);
  else for (let i = count; i < size; i++) data.copyWithin(i * row, (count - 1) * row, count * row);
  return { dtype: tensor.dtype, shape: [size, ...rest], data };
}

/** Outputs of a padded batch without the padding. */
export function cutOutputs(outputs: Record<string, RawTensor>, size: number, count: number): Record<string, RawTensor> {
  if (size === count) return outputs;
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      const [first, ...rest] = tensor.shape;
      if (first !== size) return [name, tensor];
      const data = tensor.data.subarray(0, (tensor.data.length / size) * count) as RawTensor['data'];
      return [name, { dtype: tensor.dtype, shape: [count, ...rest], data }];
    }),
  );
}
