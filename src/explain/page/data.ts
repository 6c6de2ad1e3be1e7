// The data of a page about an answer: for each answer and method how the head, and every word, attend to words and regions.
import type { RegionFeatures } from '../../features/region-features.js';
import type { Pipeline, PipelineInput, PipelineName } from '../../pipelines/contract.js';
import { usePipeline } from '../../pipelines/create.js';
import { truncationOf } from '../../pipelines/example.js';
import { type RowOf, rowsOf, sharesOf, wordRows } from '../attributions.js';
import type { ExplainOptions, Explanation } from '../contract.js';
import { explanationOf, resolveExplainOptions } from '../explain.js';
import type { ExplainedExample } from '../explained-example.js';
import { type StudiedAnswer, Study } from '../study.js';
import type { LayerAttention } from '../trace.js';
import { base64Of } from '../../html/picture-url.js';
import { requireKinds } from '../../options.js';

/** Rows: the position that the head reads, then each word (absent where only the first is known). Columns: each word, then each region. */
export type PageRows = number[][];

/** One answer and its explanation. */
export interface PageSubject {
  label: string;
  score: number;
  words: string[];
  rollout: PageRows;
  relevance: PageRows;
  leaveOut: PageRows;
  /**
   * Layers of heads of attention rows as base64: bytes q of value (q / 255)^2 * `largest`. Null: the same as the first answer's, which has the
   * same sequence.
   */
  attention: { rows: number; columns: number; largest: number; heads: number[]; bytes: string } | null;
}

export interface PageImage {
  /** A data URL; null without a picture. */
  picture: string | null;
  /** Name of the image. */
  name: string;
  width: number;
  height: number;
  /** x1, y1, x2, y2; where the features have no boxes, a grid in their place. */
  boxes: number[][];
  hasBoxes: boolean;
}

/** Data of an explanation page. */
export interface PageData {
  text: string;
  /** The phrase or mask that was asked about. */
  asked: string | null;
  task: PipelineName;
  /** Where the text is longer than the model reads. */
  truncated?: true;
  subjects: PageSubject[];
  images: PageImage[];
}

/** Options of an explanation page. */
export interface PageOptions {
  /** The question as a person wrote it. */
  text: string;
  /** Data URLs of the pictures, in the order of the images. */
  pictures?: readonly (string | null)[];
  /** Names of the images. */
  names?: readonly string[];
  asked?: number;
  /** How many answers are explained; of multiple choices all are. Default 3. */
  answers?: number;
  /** Also leave out each word together with each region. Default false. */
  pairs?: boolean;
}

const DEFAULT_ANSWERS = 3;
/** Digits of scores in a page. */
const DIGITS = 4;

/**
 * Explains the most likely answers by every method.
 * @throws ConfigError as `explain` does
 * @example
 * const ask = await pipeline('visual-question-answering', 'runs/vqa');
 * const text = 'What color is the bus?';
 * const { subjects } = await pageDataOf(ask, { question: text, regions }, { text }); // the three most likely answers
 * await ask.dispose();
 */
export async function pageDataOf<T extends PipelineName>(
  pipeline: Pipeline<T>,
  input: PipelineInput<T>,
  options: PageOptions,
): Promise<PageData> {
  requireKinds('pageDataOf', { 'a function': { pipeline }, 'an object': { options } });
  return usePipeline(pipeline, async (access) => dataOf(await Study.of(access, input, options.asked), options));
}

/**
 * An explanation, and the data of the page about the same input: what both need is computed once.
 * @throws ConfigError as `explain` does
 */
export async function explainWithPage<T extends PipelineName>(
  pipeline: Pipeline<T>,
  input: PipelineInput<T>,
  options: ExplainOptions,
  page: PageOptions,
): Promise<{ explanation: Explanation; page: PageData }> {
  const explained = resolveExplainOptions(options);
  return usePipeline(pipeline, async (access) => {
    const study = await Study.of(access, input, explained.asked);
    return { explanation: await explanationOf(study, explained), page: await dataOf(study, page) };
  });
}

async function dataOf(
  study: Study,
  { text, pictures = [], names = [], answers: wanted = DEFAULT_ANSWERS, pairs = false }: PageOptions,
): Promise<PageData> {
  const { access, example, asked } = study.answered;
  const isChoice = example.sequences.length > 1;
  const subjects: PageSubject[] = [];
  for (const { index } of study.answers(isChoice ? Infinity : wanted))
    subjects.push(await subjectOf(study.answer(index), { pairs, withAttention: isChoice || subjects.length === 0 }));
  return {
    text,
    task: access.task,
    ...truncationOf(example),
    asked: access.head.asked === null ? null : (example.labels[asked] ?? null),
    subjects,
    images: imagesOf(study.answer(), pictures, names),
  };
}

async function subjectOf(
  one: StudiedAnswer,
  { pairs, withAttention }: { pairs: boolean; withAttention: boolean },
): Promise<PageSubject> {
  const layers = await one.layers();
  const rows = rowsOf(layers, one);
  const all = (rowOf: RowOf): PageRows =>
    [sharesOf(rowOf(one.position), one), ...wordRows(rowOf, one)].map(({ words, regions }) => [...words, ...regions]);
  const drops = await one.drops();
  const together = pairs ? await one.pairDrops() : [];
  const leaveOut = [
    [...drops.words, ...drops.regions],
    ...together.map((regions) => [...drops.words.map(() => 0), ...regions]),
  ];
  return {
    label: one.answer.label,
    score: rounded(one.answer.score),
    words: one.words.map(({ text }) => text),
    rollout: roundedRows(all(rows.rollout)),
    relevance: roundedRows(all(rows.relevance)),
    leaveOut: roundedRows(leaveOut),
    attention: withAttention ? packedAttention(layers, (layer, head) => all(rows.attention(layer, head))) : null,
  };
}

/** The rows of all heads as bytes, since a base-size model has 144 heads. */
function packedAttention(
  layers: readonly LayerAttention[],
  rowsOfHead: (layer: number, head: number) => PageRows,
): NonNullable<PageSubject['attention']> {
  const heads = layers.map((layer) => layer.heads);
  const all = layers.flatMap((layer, i) => Array.from({ length: layer.heads }, (_, head) => rowsOfHead(i, head)));
  const values = all.flat(2);
  const largest = values.reduce((max, value) => Math.max(max, value), 1e-9);
  const bytes = Uint8Array.from(values, (value) => Math.round(255 * Math.sqrt(value / largest)));
  return { rows: all[0]?.length ?? 0, columns: all[0]?.[0]?.length ?? 0, largest, heads, bytes: base64Of(bytes) };
}

function imagesOf(
  { sequence }: ExplainedExample,
  pictures: readonly (string | null)[],
  names: readonly string[],
): PageImage[] {
  return sequence.regions.map((regions, i) => ({
    picture: regions.boxes === undefined ? null : (pictures[i] ?? null),
    name: names[i] ?? `image ${i + 1}`,
    ...drawnBoxesOf(regions),
  }));
}

/** The boxes of an image's regions as they are drawn. */
export function drawnBoxesOf({
  count,
  boxes,
  imageWidth,
  imageHeight,
}: RegionFeatures): Pick<PageImage, 'width' | 'height' | 'boxes' | 'hasBoxes'> {
  if (boxes === undefined) return { ...gridOf(count), hasBoxes: false };
  const quads = Array.from({ length: count }, (_, r) => [...boxes.subarray(4 * r, 4 * r + 4)]);
  return {
    width: imageWidth ?? quads.reduce((max, [, , x2 = 0]) => Math.max(max, x2), 1),
    height: imageHeight ?? quads.reduce((max, [, , , y2 = 0]) => Math.max(max, y2), 1),
    boxes: quads.map((quad) => quad.map(rounded)),
    hasBoxes: true,
  };
}

const TILE = 50;
const TILE_MARGIN = 3;

/** A roughly square grid of tiles instead of boxes, whatever the size of the picture. */
function gridOf(count: number): Pick<PageImage, 'width' | 'height' | 'boxes'> {
  const columns = Math.ceil(Math.sqrt(count));
  const boxes = Array.from({ length: count }, (_, i) => {
    const [x, y] = [(i % columns) * TILE, Math.floor(i / columns) * TILE];
    return [x + TILE_MARGIN, y + TILE_MARGIN, x + TILE - TILE_MARGIN, y + TILE - TILE_MARGIN];
  });
  return { width: columns * TILE, height: Math.ceil(count / columns) * TILE, boxes };
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

function roundedRows(rows: PageRows): PageRows {
  return rows.map((row) => row.map(rounded));
}
