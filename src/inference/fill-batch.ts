// Pads a short batch to the size of a recorded function without changing its loss, and cuts the padding off the outputs.
import { ConfigError, ShapeError } from '../errors.js';
import type { ModelOutputs } from '../models/outputs.js';
import type { RawTensor, RawTensors } from '../raw-tensor.js';
import { IGNORED_LABEL } from '../scores.js';

/** Model inputs by their camelCase names, labels included, and the number of examples. */
export interface Batch {
  /** `[count, ...]`: the first axis has the examples. */
  inputs: RawTensors;
  /** Inputs of the whole batch, of any shape. */
  shared?: RawTensors;
  /**
   * Names of the inputs that are labels, which padding leaves out of the loss; empty for a batch without labels.
   * Default: `labels` and `sentenceImageLabels`; a batch with neither of them must name its labels.
   */
  labels?: readonly string[];
  count: number;
}

/** Labels of this package's classes, which a batch need not name. */
const STANDARD_LABELS = ['labels', 'sentenceImageLabels'];

/** The inputs that are labels. @throws ConfigError for those that are unknown */
function labelsOf({ inputs, labels }: Batch): readonly string[] {
  const found = (labels ?? STANDARD_LABELS).filter((name) => Object.hasOwn(inputs, name));
  if (labels === undefined ? found.length > 0 : found.length === labels.length) return found;
  const [expected, received] =
    labels === undefined
      ? [`labels, since none of its inputs is called ${STANDARD_LABELS.join(' or ')}`, 'none']
      : ['names of its inputs as labels', labels.join(', ')];
  throw new ConfigError(
    `batch: expected ${expected}, received ${received} for the inputs ${Object.keys(inputs).join(', ')}; ` +
      "name the inputs that are labels in the batch's labels ([] if it has none)",
  );
}

/** The model's inputs of a batch as it is. */
export function wholeInputs({ inputs, shared }: Batch): RawTensors {
  return { ...inputs, ...shared };
}

/**
 * The model's inputs of a batch padded to exactly `size` examples, the shape of a recorded step: the last example is repeated with labels
 * that losses ignore (integers `IGNORED_LABEL`, soft labels 0), and `exampleCount` is the number of real ones. Loss and gradients are those
 * of the short batch.
 * @throws ShapeError for an input that has another number of examples on its first axis; ConfigError for a batch whose labels are unknown
 */
export function filledInputs(batch: Batch, size: number): RawTensors {
  const { inputs, shared, count } = batch;
  const labels = labelsOf(batch);
  const filled: RawTensors = {
    exampleCount: { dtype: 'float32', shape: [], data: Float32Array.of(count) },
    ...shared,
  };
  for (const [name, tensor] of Object.entries(inputs)) {
    requireExamples(`batch: input ${name}`, tensor, count, 'put inputs of the whole batch into its shared');
    filled[name] = size === count ? tensor : fillRows(tensor, size, labels.includes(name));
  }
  return filled;
}

function fillRows(tensor: RawTensor, size: number, isLabel: boolean): RawTensor {
  const [count = 0, ...rest] = tensor.shape;
  const row = tensor.data.length / count;
  const data = new (tensor.data.constructor as Float32ArrayConstructor)(size * row) as RawTensor['data'];
  data.set(tensor.data);
  if (isLabel) data.fill(tensor.dtype === 'int32' ? IGNORED_LABEL : 0, count * row);
  else for (let i = count; i < size; i++) data.copyWithin(i * row, (count - 1) * row, count * row);
  return { dtype: tensor.dtype, shape: [size, ...rest], data };
}

/** Outputs of this package's classes that belong to the whole batch. */
const SHARED_OUTPUTS: readonly (keyof ModelOutputs)[] = ['loss'];

/**
 * The outputs of a batch of `size` examples without the padding of `filledInputs`. `loss` and the `shared` outputs belong to the whole batch;
 * all others have the examples on their first axis. @throws ShapeError otherwise
 */
export function cutOutputs(
  outputs: RawTensors,
  size: number,
  count: number,
  shared: readonly string[] = [],
): RawTensors {
  if (size === count) return outputs;
  const isShared = new Set([...SHARED_OUTPUTS, ...shared]);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, tensor]) => {
      if (isShared.has(name)) return [name, tensor];
      requireExamples(`output ${name}`, tensor, size, "name outputs of the whole batch in the task's sharedOutputs");
      const [, ...rest] = tensor.shape;
      const data = tensor.data.subarray(0, (tensor.data.length / size) * count) as RawTensor['data'];
      return [name, { dtype: tensor.dtype, shape: [count, ...rest], data }];
    }),
  );
}

function requireExamples(what: string, { shape }: RawTensor, count: number, advice: string): void {
  if (shape[0] === count) return;
  throw new ShapeError(
    `${what}: expected ${count} examples on the first axis, received [${shape.join(', ')}]; ${advice}`,
  );
}
