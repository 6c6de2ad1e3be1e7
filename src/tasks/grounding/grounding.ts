// Grounding phrases in regions (Flickr30k Entities): soft labels over matching regions, recall among the first regions.
import { writeTextAtomic } from '#platform';
import { bucketOf, DEFAULT_BUCKETS } from '../../processing/batch.js';
import { boxAt, matchingRegions } from '../../boxes.js';
import { PhraseRecall } from '../../metrics/phrases.js';
import { type PhraseSentence, readFlickrEntities } from '../../records/flickr.js';
import type { VisualBertProcessor } from '../../processing/processor.js';
import { openedWith, type RegionFeatureSource } from '../../features/region-features.js';
import { ConfigError, DataError } from '../../errors.js';
import type { RawTensor } from '../../raw-tensor.js';
import { softmax } from '../../scores.js';
import type { Dataset, ExampleNote, Metric, NotedImage, Task } from '../../training/task.js';
import { NOTED_ANSWERS, notedImages } from '../shared/notes.js';
import type { OpenedTask, PredictionWriter, TaskContext } from '../shared/opened-task.js';
import type { FlickrOptions, GroundingOptions } from '../shared/options.js';
import {
  fingerprintOf,
  inPlace,
  newModelFields,
  requireImages,
  type TaskExample,
  type TaskRegions,
  taskProcessor,
  taskRegions,
} from '../shared/task-parts.js';

export interface GroundingExample extends TaskExample<PhraseSentence> {
  /** Text position of each phrase: its last piece. */
  positions: readonly number[];
  /** Regions that match each phrase. */
  matches: readonly (readonly number[])[];
}

/** Phrases of a sentence that a batch may be padded to. */
const PHRASE_BUCKETS = [4, 8, 16, 32];
/** Width of the place features that complete the detector's. */
const PLACE_DIM = 6;
/** Regions that a prediction names. */
const NAMED_REGIONS = 10;

interface GroundingParts {
  sentences: readonly PhraseSentence[];
  validation: readonly PhraseSentence[] | null;
  processor: VisualBertProcessor;
  source: TaskRegions;
  /** What a new model projects: features alone, or with places. */
  visualEmbeddingDim: number;
  context: TaskContext;
}

/** Opens Flickr30k Entities. @throws ConfigError without a validation split where one is needed; DataError for images without boxes. */
export async function openFlickr(options: FlickrOptions, context: TaskContext): Promise<OpenedTask<GroundingExample>> {
  const sentences = await readFlickrEntities(options.entities, options.split);
  const validation =
    options.validationSplit === undefined ? null : await readFlickrEntities(options.entities, options.validationSplit);
  return openPhrases('flickr', sentences, validation, options, context);
}

/** A task over sentences with phrases, and the region features that the options name. */
export async function openPhrases(
  name: string,
  sentences: readonly PhraseSentence[],
  validation: readonly PhraseSentence[] | null,
  options: GroundingOptions | FlickrOptions,
  context: TaskContext,
): Promise<OpenedTask<GroundingExample>> {
  return openedWith(await taskRegions(options.features, options, context), async (source) => {
    const visualEmbeddingDim = source.dim + (options.places ? PLACE_DIM : 0);
    const texts = (): string[] => sentences.map(({ words }) => words.join(' '));
    const processor = await taskProcessor('flickr', options, context, texts, visualEmbeddingDim);
    return groundingTask(name, { sentences, validation, processor, source, visualEmbeddingDim, context });
  });
}

/** A task over sentences with phrases. */
function groundingTask(name: string, parts: GroundingParts): OpenedTask<GroundingExample> {
  const { sentences, validation, processor, source, visualEmbeddingDim, context } = parts;
  return {
    task: createGroundingTask(name, processor),
    modelClass: 'VisualBertForRegionToPhraseAlignment',
    processor,
    data: groundingDataset(sentences, processor, source),
    validation: validation === null ? null : groundingDataset(validation, processor, source.validation),
    config: newModelFields(processor, visualEmbeddingDim, context),
    createPredictions: createGroundingPredictions,
    close: () => source.close(),
  };
}

function groundingDataset(
  sentences: readonly PhraseSentence[],
  processor: VisualBertProcessor,
  source: RegionFeatureSource,
): Dataset<GroundingExample> {
  requireImages(
    source,
    sentences.map(({ id, imageId }) => [`sentence ${id}`, [imageId]] as const),
  );
  return {
    length: sentences.length,
    fingerprint: fingerprintOf(sentences.map((sentence) => JSON.stringify(sentence))),
    example: async (index) => {
      const record = sentences[index];
      if (record === undefined) throw new DataError(`example ${index}: the data set has ${sentences.length}`);
      const [{ text, lastPieces }, regions] = await Promise.all([
        processor.encodeWords(record.words),
        source.read(record.imageId),
      ]);
      const fitted = processor.fitRegions(regions);
      if (fitted.boxes === undefined) {
        throw new DataError(
          `${source.name}: the regions of image ${record.imageId} have no boxes; grounding needs features with boxes`,
        );
      }
      const { boxes } = fitted;
      return {
        record,
        text,
        images: [fitted],
        positions: record.phrases.map(({ last }) => lastPieces[last] as number),
        matches: record.phrases.map((phrase) => matchingRegions(phrase.boxes, boxes)),
      };
    },
    sizeOf: (index) => {
      const { words = [], imageId = '' } = sentences[index] ?? {};
      return { text: words.length + 2, regions: Math.min(source.countOf?.(imageId) ?? 0, processor.maxRegions) };
    },
  };
}

/** Batches with `regionToPhrasePosition [b, p] int32` (-1: none) and `labels [b, p, v] float32`, 1 shared among matching regions. */
function createGroundingTask(name: string, processor: VisualBertProcessor): Task<GroundingExample> {
  return {
    name,
    primaryMetric: 'R@1',
    greaterIsBetter: true,
    collate: async (examples) => {
      const inputs = processor.collate(examples, { buckets: DEFAULT_BUCKETS });
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
        count: b,
      };
    },
    createMetric: createGroundingMetric,
    describe: (examples, outputs) => examples.flatMap((example, i) => phraseNotes(example, i, outputs)),
  };
}

/** What each phrase of example `i` was looked for in: right is the kind of thing that it names, wrong is elsewhere. */
function phraseNotes(example: GroundingExample, i: number, outputs: Record<string, RawTensor>): ExampleNote[] {
  const { record, images, matches } = example;
  const boxes = images[0]?.boxes ?? new Float32Array();
  return scoresOf(example, i, outputs).map((scores, j) => {
    const { first, last, types, boxes: expected } = record.phrases[j] as PhraseSentence['phrases'][number];
    const type = types.join('/') || 'right place';
    const ranked = byScore(scores);
    const probabilities = softmax(scores);
    const isRight = matches[j]?.includes(ranked[0] ?? -1) ?? false;
    const words = record.words.map((word, at) => (at === first ? `[${word}` : word) + (at === last ? ']' : ''));
    const [image] = notedImages([record.imageId], images);
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
  { positions, images }: GroundingExample,
  i: number,
  { logits }: Record<string, RawTensor>,
): RawTensor['data'][] {
  if (logits === undefined) throw new DataError('grounding: expected the output logits');
  const [, p = 0, v = 0] = logits.shape;
  return positions.map((_, j) => {
    const start = (i * p + j) * v;
    return logits.data.subarray(start, start + (images[0]?.count ?? 0)) as RawTensor['data'];
  });
}

/** Regions by falling score. */
function byScore(scores: RawTensor['data']): number[] {
  return [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
}

/** For each phrase of each example its regions by falling score. */
function rankings(examples: readonly GroundingExample[], outputs: Record<string, RawTensor>): number[][][] {
  return examples.map((example, i) => scoresOf(example, i, outputs).map(byScore));
}

function createGroundingMetric(): Metric<GroundingExample> {
  const recall = new PhraseRecall();
  return {
    update: (examples, outputs) => {
      rankings(examples, outputs).forEach((phrases, i) =>
        phrases.forEach((ranked, j) => recall.add(ranked, examples[i]?.matches[j] ?? [])),
      );
    },
    compute: () => recall.compute(),
  };
}

/** A line for each phrase: `{ id, phrase, boxes }`, the boxes of its ten best regions. */
function createGroundingPredictions(): PredictionWriter<GroundingExample> {
  const lines: string[][] = [];
  return {
    update: (examples, outputs) => {
      rankings(examples, outputs).forEach((phrases, i) => {
        const example = examples[i] as GroundingExample;
        const boxes = example.images[0]?.boxes ?? new Float32Array();
        const linesOf = phrases.map((ranked, j) => {
          const named = ranked.slice(0, NAMED_REGIONS).map((region) => boxAt(boxes, region));
          return JSON.stringify({ id: example.record.id, phrase: j, boxes: named });
        });
        lines.push(linesOf);
      });
    },
    write: (path, places) => writeTextAtomic(path, `${inPlace(lines, places).flat().join('\n')}\n`),
  };
}

/** @throws ConfigError unless there are phrases to learn from. */
export function requirePhrases(sentences: readonly PhraseSentence[], { purpose }: TaskContext): void {
  const bare = sentences.find(({ phrases }) => phrases.some(({ boxes }) => boxes.length === 0));
  if (purpose !== 'predict' && bare !== undefined) {
    throw new ConfigError(`task grounding: to ${purpose}, every phrase needs boxes; one of ${bare.id} has none`);
  }
}
