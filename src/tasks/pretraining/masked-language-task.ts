// Shared by all pre-training: masked word pieces, an optional sentence-image label, and their metrics.
import { DEFAULT_BUCKETS } from '../../processing/batch.js';
import { type MaskedText, maskedInputs, maskText } from '../../processing/masking.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { IGNORED_LABEL, softmax } from '../../scores.js';
import { DataError } from '../../errors.js';
import { hash32 } from '../../random/philox.js';
import { uniformValues } from '../../random/values.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { ExampleNote, Metric, Task } from '../../evaluation/task.js';
import type { Batch } from '../../inference/fill-batch.js';
import type { TaskExample } from '../shared/datasets.js';
import { indexOfMax, ranking } from '../shared/logits.js';
import { judgingMetric } from '../shared/metric.js';
import { NOTED_ANSWERS, notedImages } from '../shared/notes.js';
import { type AlignedText, alignmentTensor } from '../../processing/aligned-text.js';

/** The texts of an example in one epoch. */
export interface Composition {
  /** Undefined: the example's encoded text. */
  text?: string;
  /** A second segment. */
  pair?: string;
  /** Whether text and image belong together (class 1 in the authors' code; transformers' documentation has it the other way round); undefined: no label. */
  matches?: boolean;
}

/** An example of pre-training; regions may be aligned with the words that name them. */
export interface PretrainingExample<R> extends TaskExample<R> {
  positions?: AlignedText['positions'];
}

/** A record whose masking depends only on seed and epoch. */
export interface PretrainingRecord {
  /** Name of the example's random stream. */
  key: string;
  imageIds: readonly string[];
}

export interface PretrainingTaskOptions<R extends PretrainingRecord> {
  name: string;
  processor: VisualBertProcessor;
  /** Chooses the texts with numbers in [0, 1). */
  compose(record: R, random: () => number): Composition;
}

/** The targets of an example in its last batch, which the metric compares with the outputs. */
interface Asked {
  masked: MaskedText;
  matches: boolean | undefined;
}

/** Number of random draws for a composition. */
const COMPOSITION_DRAWS = 64;

/**
 * A pre-training task: `maskedPositions`, `labels [b, k]`, and `sentenceImageLabels [b]` (1 = belongs together) when compositions have them.
 * Randomness depends only on seed, epoch and the example's key.
 */
export function createPretrainingTask<R extends PretrainingRecord>(
  options: PretrainingTaskOptions<R>,
): Task<PretrainingExample<R>> {
  const { name, processor, compose } = options;
  const asked = new WeakMap<PretrainingExample<R>, Asked>();

  const prepare = async (example: PretrainingExample<R>, seed: number, epoch: number): Promise<Asked> => {
    const { key } = example.record;
    const draws = uniformValues(COMPOSITION_DRAWS, seed, epoch, hash32(`compose ${key}`));
    let next = 0;
    const { text, pair, matches } = compose(example.record, () => draws[next++ % COMPOSITION_DRAWS] as number);
    const encoded = text === undefined ? example.text : await processor.encodeText(text, pair);
    const uniform = uniformValues(2 * encoded.ids.length, seed, epoch, hash32(`mask ${key}`));
    return { masked: maskText(encoded, processor.tokenizer, uniform), matches };
  };

  return {
    name,
    primaryMetric: 'loss',
    greaterIsBetter: false,
    collate: async (examples, { seed, epoch, buckets = DEFAULT_BUCKETS }): Promise<Batch> => {
      const prepared = await Promise.all(examples.map((example) => prepare(example, seed, epoch)));
      prepared.forEach((one, i) => asked.set(examples[i] as PretrainingExample<R>, one));
      const encoded = examples.map(({ regions }, i) => ({ regions, text: (prepared[i] as Asked).masked.text }));
      const inputs: Batch['inputs'] = {
        ...processor.collate(encoded, { buckets }),
        ...maskedInputs(prepared.map(({ masked }) => masked)),
      };
      const v = inputs['visualEmbeds']?.shape[1] ?? 0;
      const aligned: Batch['inputs'] = examples.some(({ positions }) => positions !== undefined)
        ? {
            imageTextAlignment: alignmentTensor(
              examples.map(({ positions = [] }) => positions),
              v,
            ),
          }
        : {};
      const matches = sentenceImageLabels(prepared);
      return {
        inputs: { ...inputs, ...aligned, ...matches },
        labels: ['labels', ...Object.keys(matches)],
        count: examples.length,
      };
    },
    createMetric: () => createPretrainingMetric((example) => asked.get(example)),
    describe: (examples, outputs) =>
      examples.flatMap((example, i) => {
        const one = asked.get(example);
        return one === undefined || one.masked.labels.length === 0 ? [] : [noteOf(example, one, processor, i, outputs)];
      }),
  };
}

/** A note about the first masked piece of example `i`, shown as `[?]` in its text, with its predictions. */
function noteOf<R extends PretrainingRecord>(
  { record, regions }: PretrainingExample<R>,
  { masked: { text, positions, labels }, matches }: Asked,
  { tokenizer }: VisualBertProcessor,
  i: number,
  { predictionLogits }: Record<string, RawTensor>,
): ExampleNote {
  if (predictionLogits === undefined) throw new DataError('pre-training: expected the output predictionLogits');
  const [, k = 0, w = 0] = predictionLogits.shape;
  const probabilities = softmax(predictionLogits.data.subarray(i * k * w, (i * k + 1) * w));
  const best = ranking(probabilities).slice(0, NOTED_ANSWERS);
  const pieces = tokenizer.tokens(text.ids).map((piece, at) => (at === positions[0] ? '[?]' : piece));
  const shown = pieces.slice(1, -1).join(' ').replaceAll(' ##', ''); // without [CLS] and the last [SEP]
  const [expected = '', ...found] = tokenizer.tokens([labels[0] as number, ...best]);
  return {
    id: record.key,
    text: matches === undefined ? shown : `${shown} (${matches ? 'belongs' : 'does not belong'} to the picture)`,
    expected,
    predicted: found[0] ?? '',
    scores: best.map((id, j) => [found[j] ?? '', probabilities[id] as number] as const),
    correct: Number(best[0] === labels[0]),
    images: notedImages(record.imageIds, regions),
  };
}

function sentenceImageLabels(prepared: readonly Asked[]): Record<string, RawTensor> {
  const labels = prepared.map(({ matches }) => matches);
  if (labels.every((label) => label === undefined)) return {};
  const data = Int32Array.from(labels, (label) => (label === undefined ? IGNORED_LABEL : Number(label)));
  return { sentenceImageLabels: { dtype: 'int32', shape: [data.length], data } };
}

/** Accuracy of masked pieces and of sentence-image labels, in percent. */
function createPretrainingMetric<E>(askedOf: (example: E) => Asked | undefined): Metric<E> {
  const words = { right: 0, all: 0 };
  const matches = { right: 0, all: 0 };
  return judgingMetric({
    judge: (examples, { predictionLogits, seqRelationshipLogits }) => {
      if (predictionLogits === undefined) throw new DataError('pre-training: expected the output predictionLogits');
      const [, k = 0, w = 0] = predictionLogits.shape;
      return examples.map((example, i) => {
        const asked = askedOf(example);
        const found = asked?.masked.labels.map((label, j) => {
          const row = predictionLogits.data.subarray((i * k + j) * w, (i * k + j + 1) * w);
          return indexOfMax(row) === label;
        });
        const isMatched =
          asked?.matches === undefined || seqRelationshipLogits === undefined
            ? null
            : indexOfMax(seqRelationshipLogits.data.subarray(2 * i, 2 * i + 2)) === Number(asked.matches);
        return { found: found ?? [], isMatched };
      });
    },
    add: (judged) => {
      for (const { found, isMatched } of judged) {
        words.all += found.length;
        words.right += found.filter(Boolean).length;
        matches.all += Number(isMatched !== null);
        matches.right += Number(isMatched === true);
      }
    },
    compute: () => ({
      ...(words.all === 0 ? {} : { 'masked word accuracy': (100 * words.right) / words.all }),
      ...(matches.all === 0 ? {} : { 'matching accuracy': (100 * matches.right) / matches.all }),
    }),
  });
}
