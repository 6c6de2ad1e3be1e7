// Examples of a pipeline: one input encoded for the model, and several collated into a batch.
import { alignmentTensor } from '../processing/aligned-text.js';
import { bucketOf, type EncodedExample, type PadOptions } from '../processing/batch.js';
import type { VisualBertProcessor } from '../processing/processor.js';
import type { RawTensor } from '../raw-tensor.js';

/** One sequence of text and regions. */
export interface Sequence extends EncodedExample {
  /** Text positions that the head predicts: masked words, phrases. */
  asked?: readonly number[];
  /** For each region the text positions that name it. */
  alignment?: readonly (readonly number[])[];
  /** Regions that the model must not see. */
  hidden?: readonly number[];
}

/** One encoded input. */
export interface PipelineExample {
  /** One, or one for each choice. */
  sequences: readonly Sequence[];
  /** Names of choices, phrases or masks in the results. */
  labels: readonly string[];
}

/** The model input with the predicted positions, and its padding value. */
export type AskedInput = { name: 'maskedPositions' | 'regionToPhrasePosition'; padding: number };

/** Numbers of positions that a batch may be padded to. */
const ASKED_BUCKETS = [1, 2, 4, 8, 16, 32];

/** The sizes by which examples are grouped. */
export interface ExampleSize {
  choices: number;
  regions: number;
  text: number;
}

export function sizeOfExample({ sequences }: PipelineExample): ExampleSize {
  return {
    choices: sequences.length,
    regions: Math.max(...sequences.map(regionCount)),
    text: Math.max(...sequences.map(({ text }) => text.ids.length)),
  };
}

/** `{ truncated: true }` where a text was longer than the model reads, for results. */
export function truncationOf({ sequences }: PipelineExample): { truncated?: true } {
  return sequences.some(({ text }) => text.isTruncated) ? { truncated: true } : {};
}

/** Regions of all images of a sequence. */
export function regionCount({ regions }: EncodedExample): number {
  return regions.reduce((sum, { count }) => sum + count, 0);
}

/**
 * The model inputs of examples with the same number of choices: `[b, ...]`, or with `hasChoices` `[b, choices, ...]`.
 * @throws DataError when their features have different widths
 */
export function collateExamples(
  examples: readonly PipelineExample[],
  processor: VisualBertProcessor,
  { hasChoices, asked }: { hasChoices: boolean; asked: AskedInput | null },
  padding: Pick<PadOptions, 'buckets' | 'zeros'>,
): Record<string, RawTensor> {
  const sequences = examples.flatMap((example) => example.sequences);
  const inputs = processor.collate(sequences, padding);
  const v = inputs['visualEmbeds']?.shape[1] ?? 0;
  if (sequences.some(({ alignment }) => alignment !== undefined))
    inputs['imageTextAlignment'] = alignmentTensor(
      sequences.map(({ alignment = [] }) => alignment),
      v,
    );
  sequences.forEach(({ hidden = [] }, i) =>
    hidden.forEach((region) => inputs['visualAttentionMask']?.data.set([0], i * v + region)),
  );
  if (asked !== null) inputs[asked.name] = askedTensor(sequences, asked.padding);
  if (!hasChoices) return inputs;
  const lead = [examples.length, sequences.length / examples.length];
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => [name, { ...tensor, shape: [...lead, ...tensor.shape.slice(1)] }]),
  );
}

/** `[b, k] int32`. */
function askedTensor(sequences: readonly Sequence[], padding: number): RawTensor {
  const k = bucketOf(Math.max(...sequences.map(({ asked = [] }) => asked.length)), ASKED_BUCKETS);
  const data = new Int32Array(sequences.length * k).fill(padding);
  sequences.forEach(({ asked = [] }, i) => data.set(asked, i * k));
  return { dtype: 'int32', shape: [sequences.length, k], data };
}
