// Grounding phrases in regions: soft labels over matching regions, recall among the first regions.
import { writeTextAtomic } from '#platform';
import { bucketOf, DEFAULT_BUCKETS } from '../../processing/batch.js';
import { boxAt, matchingRegions } from '../../boxes.js';
import { PhraseRecall } from '../../metrics/phrases.js';
import type { PhraseSentence } from '../../records/flickr.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { softmax } from '../../scores.js';
import { openedWith } from '../../features/region-features.js';
import { DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import type { ExampleNote, Metric, NotedImage, Task } from '../../evaluation/task.js';
import { type RecordKind, recordDatasets, type Splits, type TaskExample } from '../shared/datasets.js';
import { ranking } from '../shared/logits.js';
import { judgingMetric } from '../shared/metric.js';
import { NOTED_ANSWERS, notedImages } from '../shared/notes.js';
import type { OpenedTask, PredictionWriter, TaskContext } from '../shared/opened-task.js';
import type { FlickrOptions, GroundingOptions } from '../shared/options.js';
import { collectPredictions, jsonLines } from '../shared/predictions.js';
import { newModelFields, taskProcessor } from '../shared/processor.js';
import { taskRegions } from '../shared/regions.js';

export interface GroundingExample extends TaskExample<PhraseSentence> {
  /** Text position of each phrase: its last piece. */
  positions: readonly number[];
  /** Regions that match each phrase. */
  matches: readonly (readonly number[])[];
}

/** Numbers of phrases that a batch may be padded to. */
const PHRASE_BUCKETS = [4, 8, 16, 32];
/** Width of the box coordinates that are appended to the detector's features. */
export const BOX_DIM = 6;
/** Number of regions in a prediction. */
const NAMED_REGIONS = 10;

/**
 * A task over sentences with phrases, and the region features of the options.
 * @throws DataError for images without features or boxes.
 */
export async function openPhrases(
  name: string,
  splits: Splits<PhraseSentence>,
  options: GroundingOptions | FlickrOptions,
  context: TaskContext,
): Promise<OpenedTask<GroundingExample>> {
  return openedWith(await taskRegions(options.features, options, context), async (source) => {
    // the width of a new model: features only, or with boxes
    const visualEmbeddingDim = source.dim + (options.places ? BOX_DIM : 0);
    const texts = (): string[] => splits.records.map(({ words }) => words.join(' '));
    const processor = await taskProcessor('flickr', options, context, texts, visualEmbeddingDim);
    return {
      task: createGroundingTask(name, processor),
      architecture: 'VisualBertForRegionToPhraseAlignment' as const,
      processor,
      ...(await recordDatasets(splits, source, processor, () => sentenceKind(processor))),
      config: newModelFields(processor, visualEmbeddingDim, context),
      createPredictions: createGroundingPredictions,
      close: () => source.close(),
    };
  });
}

/** A sentence's name in errors. */
export function sentenceName({ where, id }: PhraseSentence): string {
  return where ?? `sentence ${id}`;
}

function sentenceKind(processor: VisualBertProcessor): RecordKind<PhraseSentence, GroundingExample> {
  return {
    name: sentenceName,
    images: ({ imageId }) => [imageId],
    fingerprint: ({ where: _, ...sentence }) => JSON.stringify(sentence), // files may be moved
    example: async (record, _, source) => {
      const [{ text, lastPieces }, regions] = await Promise.all([
        processor.encodeWords(record.words),
        source.read(record.imageId),
      ]);
      const fitted = processor.fitRegions(regions);
      const { boxes } = fitted;
      if (boxes === undefined) {
        throw new DataError(
          `${source.name}: the regions of image ${record.imageId} have no boxes; grounding needs features with boxes`,
        );
      }
      return {
        record,
        text,
        regions: [fitted],
        positions: record.phrases.map(({ last }) => lastPieces[last] as number),
        matches: record.phrases.map((phrase) => matchingRegions(phrase.boxes, boxes)),
      };
    },
    textLength: ({ words }) => words.length + 2,
  };
}

/** Batches with `regionToPhrasePosition [b, p] int32` (-1: none) and `labels [b, p, v] float32`, 1 shared among matching regions. */
function createGroundingTask(name: string, processor: VisualBertProcessor): Task<GroundingExample> {
  return {
    name,
    primaryMetric: 'R@1',
    greaterIsBetter: true,
    collate: async (examples, { buckets = DEFAULT_BUCKETS }) => {
      const inputs = processor.collate(examples, { buckets });
      const b = examples.length;
      const v = inputs['visualEmbeds']?.shape[1] ?? 0;
      const p = bucketOf(Math.max(...examples.map(({ positions }) => positions.length)), PHRASE_BUCKETS);
      const positions = new Int32Array(b * p).fill(-1);
      const labels = new Float32Array(b * p * v);
      examples.forEach((example, i) => {
        positions.set(example.positions, i * p);
        example.matches.forEach((regions, j) => {
          for (const region of regions) labels[(i * p + j) * v + region] = 1 / regions.length;
        });
      });
      return {
        inputs: {
          ...inputs,
          regionToPhrasePosition: { dtype: 'int32', shape: [b, p], data: positions },
          labels: { dtype: 'float32', shape: [b, p, v], data: labels },
        },
        labels: ['labels'],
        count: b,
      };
    },
    createMetric: createGroundingMetric,
    describe: (examples, outputs) => examples.flatMap((example, i) => phraseNotes(example, i, outputs)),
  };
}

/** A note for each phrase of example `i`; the prediction is the phrase's type if the region is correct, else `elsewhere`. */
function phraseNotes(example: GroundingExample, i: number, outputs: Record<string, RawTensor>): ExampleNote[] {
  const { record, regions, matches } = example;
  const boxes = regions[0]?.boxes ?? new Float32Array();
  return scoresOf(example, i, outputs).map((scores, j) => {
    const { first, last, types, boxes: expected } = record.phrases[j] as PhraseSentence['phrases'][number];
    const type = types.join('/') || 'right region';
    const ranked = ranking(scores);
    const probabilities = softmax(scores);
    const isRight = matches[j]?.includes(ranked[0] ?? -1) ?? false;
    const words = record.words.map((word, at) => (at === first ? `[${word}` : word) + (at === last ? ']' : ''));
    const [image] = notedImages([record.imageId], regions);
    return {
      id: `${record.id}, phrase ${j}`,
      text: words.join(' '),
      expected: type,
      predicted: isRight ? type : 'elsewhere',
      scores: ranked
        .slice(0, NOTED_ANSWERS)
        .map((region) => [`region ${region}`, probabilities[region] as number] as const),
      correct: Number(isRight),
      images: [
        {
          ...(image as NotedImage),
          boxes: [],
          expectedBoxes: expected,
          predictedBoxes: ranked.slice(0, 1).map((region) => boxAt(boxes, region)),
        },
      ],
    };
  });
}

/** The scores of an example's regions for each of its phrases. */
function scoresOf(
  { positions, regions }: GroundingExample,
  i: number,
  { logits }: Record<string, RawTensor>,
): RawTensor['data'][] {
  if (logits === undefined) throw new DataError('grounding: expected the output logits');
  const [, p = 0, v = 0] = logits.shape;
  return positions.map((_, j) => {
    const start = (i * p + j) * v;
    return logits.data.subarray(start, start + (regions[0]?.count ?? 0)) as RawTensor['data'];
  });
}

/** For each phrase of each example, its regions by descending score. */
function rankings(examples: readonly GroundingExample[], outputs: Record<string, RawTensor>): number[][][] {
  return examples.map((example, i) => scoresOf(example, i, outputs).map(ranking));
}

function createGroundingMetric(): Metric<GroundingExample> {
  const recall = new PhraseRecall();
  return judgingMetric({
    judge: (examples, outputs) =>
      rankings(examples, outputs).flatMap((phrases, i) =>
        phrases.map((ranked, j) => ({ ranked, matching: examples[i]?.matches[j] ?? [] })),
      ),
    add: (judged) => {
      for (const { ranked, matching } of judged) recall.add(ranked, matching);
    },
    compute: () => recall.compute(),
  });
}

/** One line per phrase: `{ id, phrase, boxes }`, with the boxes of its ten best regions. */
function createGroundingPredictions(): PredictionWriter<GroundingExample> {
  return collectPredictions(
    (examples, outputs) =>
      rankings(examples, outputs).map((phrases, i) => {
        const { record, regions } = examples[i] as GroundingExample;
        const boxes = regions[0]?.boxes ?? new Float32Array();
        return phrases.map((ranked, phrase) => ({
          id: record.id,
          phrase,
          boxes: ranked.slice(0, NAMED_REGIONS).map((region) => boxAt(boxes, region)),
        }));
      }),
    (path, sentences) => writeTextAtomic(path, jsonLines(sentences.flat())),
  );
}
