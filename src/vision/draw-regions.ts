// Draws the regions of one image over its picture, with the names of their classes.
import { createSink, readText } from '#platform';
import { z } from 'zod';
import { boxAt } from '../boxes.js';
import { writeWhole } from '../byte-sink.js';
import { DataError } from '../errors.js';
import { openRegionFeatures } from '../features/open.js';
import { firstRegions, onlyImage, type RegionFeatures, type RegionFeatureSource } from '../features/region-features.js';
import { decodePicture } from '../pictures/decode.js';
import { drawBoxes, type LabelledBox } from '../pictures/draw-boxes.js';
import type { RgbImage } from '../pictures/rgb-image.js';
import { nameByOf, openPictures } from '../pictures/sources/open.js';
import { attributeNamesOf, classNamesOf } from './class-names.js';
import { parseOptions, PATHS, text, wholeNumber } from '../options.js';

/** What is drawn: names, checks, defaults and help texts. */
export const DRAW_OPTIONS = {
  maxBoxes: wholeNumber(1).default(36).describe('maximum number of regions, the first ones'),
  labels: text('a path')
    .optional()
    .describe(
      'file with class names, one per line, such as objects_vocab.txt; text after a comma is ignored; default: those that the detector has, else numbers',
    ),
  attributeLabels: text('a path')
    .optional()
    .describe('file with attribute names, such as attributes_vocab.txt; default: those that the detector has'),
};

const schema = z.strictObject({
  ...DRAW_OPTIONS,
  features: PATHS,
  pictures: PATHS,
  image: text('an image id').optional(),
  output: text('a path'),
});

/** Arguments of `drawRegions`. */
export interface DrawRegionsOptions extends z.input<z.ZodObject<typeof DRAW_OPTIONS>> {
  /** Region features with boxes, in any form that `openRegionFeatures` accepts. */
  features: string | readonly string[];
  /** The picture, or a source that holds it under the image's id, in any form that `openPictures` accepts. */
  pictures: string | readonly string[];
  /** The image's id. Optional when the features hold one image only. */
  image?: string | undefined;
  /** The file to write: .png, .jpg or .webp. */
  output: string;
}

/**
 * Draws the regions of an image over its picture. Returns the image and how many regions are drawn.
 * @throws DataError when the image or picture is missing, its regions have no boxes, or their picture size differs.
 * @example
 * await extractFeatures({ pictures: 'photo.jpg', detector: 'mmf-x101', output: 'photo.vbf' });
 * await drawRegions({ features: 'photo.vbf', pictures: 'photo.jpg', output: 'regions.png' });
 */
export async function drawRegions(options: DrawRegionsOptions): Promise<{ image: string; boxes: number }> {
  const resolved = parseOptions('drawRegions', schema, options);
  const { features, pictures, output, maxBoxes } = resolved;
  const source = await openRegionFeatures(features);
  try {
    const image = resolved.image ?? onlyImage(source);
    const regions = firstRegions(await source.read(image), maxBoxes);
    const picture = await readImage(pictures, image, source);
    requireSize(regions, picture, `${source.name}, image ${image}`);
    const boxes = await labelledBoxes(regions, source, resolved);
    const bytes = await drawBoxes(picture, boxes.reverse(), output); // the most likely on top
    await writeWhole(await createSink(output), (sink) => sink.write(bytes));
    return { image, boxes: regions.count };
  } finally {
    await source.close();
  }
}

/** The picture of an image; a single one may have any name. */
async function readImage(
  pictures: string | readonly string[],
  image: string,
  features: RegionFeatureSource,
): Promise<RgbImage> {
  const source = await openPictures(pictures, { nameBy: nameByOf(features.ids()) });
  try {
    const [first, second] = source.ids;
    const id = first !== undefined && second === undefined ? first : image;
    return await decodePicture(await source.read(id), source.where(id));
  } finally {
    await source.close();
  }
}

function requireSize({ imageWidth, imageHeight }: RegionFeatures, { width, height }: RgbImage, where: string): void {
  if (imageWidth === undefined || (imageWidth === width && imageHeight === height)) return;
  throw new DataError(
    `${where}: expected a picture of ${imageWidth} x ${imageHeight} pixels, received ${width} x ${height}; give the picture that its regions were detected in`,
  );
}

async function labelledBoxes(
  { boxes, count, classes, scores, attributes }: RegionFeatures,
  { name, detector }: RegionFeatureSource,
  { labels, attributeLabels }: Pick<z.output<typeof schema>, 'labels' | 'attributeLabels'>,
): Promise<LabelledBox[]> {
  if (boxes === undefined) throw new DataError(`${name}: its regions have no boxes`);
  for (const [option, names, numbers] of [
    ['labels', labels, classes],
    ['attributeLabels', attributeLabels, attributes],
  ] as const)
    if (names !== undefined && numbers === undefined)
      throw new DataError(`${name}: its regions have nothing that \`${option}\` would name; leave it out`);
  const classNames = labels === undefined ? classNamesOf(detector) : await readNames(labels);
  const attributeNames = attributeLabels === undefined ? attributeNamesOf(detector) : await readNames(attributeLabels);
  return Array.from({ length: count }, (_, i) => {
    const kind = classes?.[i];
    const attribute = attributeNames[attributes?.[i] ?? -1];
    const score = scores?.[i];
    const words = [
      attribute,
      kind === undefined ? `region ${i}` : (classNames[kind] ?? `class ${kind}`),
      score === undefined ? undefined : `${Math.round(100 * score)}%`,
    ];
    return { box: boxAt(boxes, i), group: kind ?? i, label: words.filter((word) => word !== undefined).join(' ') };
  });
}

async function readNames(path: string): Promise<string[]> {
  return (await readText(path))
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.split(',')[0] as string);
}
