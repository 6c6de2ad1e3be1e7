// The inputs of a processor, and the regions of each text.
import { counted } from '../words.js';
import { DataError } from '../errors.js';
import { requireKinds } from '../options.js';
import type { Picture, PictureDetector } from '../features/picture-detector.js';
import type { RegionFeatures } from '../features/region-features.js';
import type { RawTensor } from '../raw-tensor.js';
import { type BoxInput, type RegionInput, regionsOf, splitBatch, type TensorLike } from './region-inputs.js';

/** One example, or a batch when `text` is a list: then every other list has one entry per text. */
export interface ProcessorInputs {
  text: string | readonly string[];
  /** A second segment: `[CLS] text [SEP] textPair [SEP]`. */
  textPair?: string | readonly string[];
  /**
   * Regions of the image (`[v, d]` or `[1, v, d]`), or a list with those of each image of a pair (NLVR2); for a batch a list of these, or
   * one array `[b, v, d]`.
   */
  visualEmbeds?: RegionInput | readonly RegionInput[] | readonly (RegionInput | readonly RegionInput[])[];
  /** A picture for each image instead of regions, in the same order; `detector` finds its regions. */
  image?: Picture | readonly Picture[] | readonly (Picture | readonly Picture[])[];
  /** Finds the regions of `image`. Default: the processor's. */
  detector?: PictureDetector;
  /** Boxes of the regions; needed where the model's features end in box coordinates (Flickr30k). */
  boxes?: BoxInput | readonly BoxInput[];
  /** Width and height of the image, of every image for a batch. */
  imageSize?: readonly [number, number] | readonly (readonly [number, number])[];
  /** true or 'longest': to the longest text of the batch; 'max_length': to maxLength; false only fits texts of one length. Default true. */
  padding?: boolean | 'longest' | 'max_length';
  /** Whether to cut longer texts: `false` makes them errors. Default: they are cut, the first with a warning. */
  truncation?: boolean;
  maxLength?: number;
}

/** The texts of a call, and their second segments when there are any. @throws DataError when the lists differ in length, or are empty */
export function textsOf({ text, textPair }: ProcessorInputs): { texts: readonly string[]; pairs?: readonly string[] } {
  const texts = asList(text);
  requireKinds('VisualBertProcessor', { 'a list': { text: texts } });
  if (texts.length === 0)
    throw new DataError('VisualBertProcessor: text: expected at least one text, received an empty list');
  if (textPair === undefined) return { texts };
  const pairs = asList(textPair);
  requireCount('textPair', pairs.length, texts.length);
  return { texts, pairs };
}

/** The regions of each text's images; empty without visualEmbeds. @throws DataError for shapes and counts that do not fit the texts */
export async function regionsOfTexts({
  text,
  visualEmbeds,
  boxes,
  imageSize,
}: ProcessorInputs): Promise<RegionFeatures[][]> {
  if (visualEmbeds === undefined) return [];
  const isBatch = typeof text !== 'string';
  let perText: readonly unknown[] = [visualEmbeds];
  if (isBatch) perText = isList(visualEmbeds) ? visualEmbeds : await splitBatch(visualEmbeds as RawTensor | TensorLike);
  requireCount('visualEmbeds', perText.length, asList(text).length);
  const perTextBoxes = (isBatch ? (boxes ?? []) : [boxes]) as readonly (BoxInput | undefined)[];
  const sizes = (isBatch ? (imageSize ?? []) : [imageSize]) as readonly (readonly [number, number] | undefined)[];
  return Promise.all(
    perText.map((entry, i) =>
      Promise.all(
        (isList(entry) ? entry : [entry]).map((image) =>
          regionsOf(image as RegionInput, 'visualEmbeds', { boxes: perTextBoxes[i], imageSize: sizes[i] }),
        ),
      ),
    ),
  );
}

/** The regions of the pictures of each text. @throws DataError for counts that do not fit the texts, or pictures and regions together */
export async function regionsOfPictures(
  { text, image, visualEmbeds, boxes, imageSize }: ProcessorInputs,
  read: (picture: Picture) => Promise<RegionFeatures>,
): Promise<RegionFeatures[][]> {
  const given = Object.entries({ visualEmbeds, boxes, imageSize }).filter(([, value]) => value !== undefined);
  if (given.length > 0)
    throw new DataError(
      `image: its regions are found by a detector; leave ${given.map(([name]) => name).join(', ')} out`,
    );
  const perText = typeof text === 'string' ? [image] : isList(image) ? image : [image];
  requireCount('image', perText.length, asList(text).length);
  return Promise.all(
    perText.map((pictures) =>
      Promise.all((isList(pictures) ? pictures : [pictures]).map((one) => read(one as Picture))),
    ),
  );
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function asList(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

function requireCount(what: string, found: number, expected: number): void {
  if (found !== expected)
    throw new DataError(`${what}: expected one entry for each of the ${counted(expected, 'text')}, received ${found}`);
}
