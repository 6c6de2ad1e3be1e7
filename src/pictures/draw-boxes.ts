// Draws boxes with labels over a picture: an SVG that sharp composites onto it.
import { DataError } from '../errors.js';
import { escapeHtml } from '../html/escape.js';
import { warnOnce } from '../logger.js';
import type { RgbImage } from './rgb-image.js';
import { importSharp } from './sharp.js';

/** A box to draw. */
export interface LabelledBox {
  /** x1, y1, x2, y2 in pixels. */
  box: readonly [number, number, number, number];
  /** Boxes of one group have the same color. */
  group: number;
  label: string;
}

/** Formats of a drawn picture, by the ending of its file. */
const FORMATS = { png: 'png', jpg: 'jpeg', jpeg: 'jpeg', webp: 'webp' } as const;
/** Smaller pictures are enlarged to at least this longer side, in pixels: their labels would cover them. */
const LEAST_SIDE = 800;
/** Shares of the drawn picture's longer side. */
const [LINE_SHARE, TEXT_SHARE] = [1 / 400, 1 / 60];
/** Golden angle, which gives consecutive groups distinct colors. */
const HUE_STEP = 137.508;
/** Width of a character relative to the line height, for the background of a label. */
const CHARACTER = 0.56;

/**
 * The bytes of a picture with boxes and labels; later boxes are drawn over earlier ones. A small picture is enlarged by a whole factor.
 * @param path determines the format by its ending (.png, .jpg, .webp), and names the picture in errors.
 * @throws DataError for another ending, or without sharp.
 */
export async function drawBoxes(image: RgbImage, boxes: readonly LabelledBox[], path: string): Promise<Uint8Array> {
  const format = FORMATS[path.split('.').at(-1)?.toLowerCase() as keyof typeof FORMATS];
  if (format === undefined)
    throw new DataError(
      `${path}: expected a file that ends in ${Object.keys(FORMATS)
        .map((one) => `.${one}`)
        .join(', ')}`,
    );
  const sharp = await importSharp(path);
  const { width, height, rgb } = image;
  const factor = Math.ceil(LEAST_SIDE / Math.max(width, height));
  const size = { width: factor * width, height: factor * height };
  const overlay = Buffer.from(overlaySvg(size, factor, boxes));
  if (boxes.length > 0 && !(await hasFonts(sharp)))
    warnOnce(
      `${path}: this machine has no fonts, the boxes are drawn without labels; install some (Debian: apt-get install fonts-dejavu-core)`,
    );
  const enlarged = sharp(rgb, { raw: { width, height, channels: 3 } }).resize({ ...size, kernel: 'nearest' });
  return enlarged
    .composite([{ input: overlay }])
    .toFormat(format)
    .toBuffer();
}

/** Boxes and labels in a picture of the given size. @param factor by which the pixels of the boxes are enlarged */
function overlaySvg(
  { width, height }: { width: number; height: number },
  factor: number,
  boxes: readonly LabelledBox[],
): string {
  const side = Math.max(width, height);
  const [line, text] = [side * LINE_SHARE, side * TEXT_SHARE];
  const drawn = boxes.map(({ box, group, label }) => {
    const [x1, y1, x2, y2] = box.map((edge) => edge * factor) as [number, number, number, number];
    const color = `hsl(${Math.round((group * HUE_STEP) % 360)}, 85%, 40%)`;
    const plate = Math.min(width, label.length * text * CHARACTER + text / 2);
    const [x, y] = [Math.max(0, Math.min(x1, width - plate)), y1 >= text * 1.25 ? y1 - text * 1.25 : y1];
    return `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${color}" stroke-width="${line}"/>
<rect x="${x}" y="${y}" width="${plate}" height="${text * 1.25}" fill="${color}"/>
<text x="${x + text / 4}" y="${y + text}" font-size="${text}" fill="white">${escapeHtml(label.replace(/\p{Cc}/gu, ' '))}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans, Liberation Sans, Arial, sans-serif">${drawn.join('')}</svg>`;
}

/** Whether text is rendered: without fonts it is silently omitted. */
async function hasFonts(sharp: Awaited<ReturnType<typeof importSharp>>): Promise<boolean> {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" font-size="16">M</text></svg>';
  const { channels } = await sharp(Buffer.from(svg)).stats();
  return (channels.at(-1)?.max ?? 0) > 0;
}
