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
  /** Boxes of one group have the same colour. */
  group: number;
  label: string;
}

/** Formats of a drawn picture, by the ending of its file. */
const FORMATS = { png: 'png', jpg: 'jpeg', jpeg: 'jpeg', webp: 'webp' } as const;
/** Shares of the picture's longer side, and a minimum in pixels. */
const [LINE_SHARE, TEXT_SHARE, LEAST_TEXT] = [1 / 400, 1 / 60, 11];
/** Golden angle, which gives consecutive groups distinct colours. */
const HUE_STEP = 137.508;
/** Width of a character relative to the line height, for the background of a label. */
const CHARACTER = 0.56;

/**
 * The bytes of a picture with boxes and labels; later boxes are drawn over earlier ones.
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
  const overlay = Buffer.from(overlaySvg(image, boxes));
  if (boxes.length > 0 && !(await hasFonts(sharp)))
    warnOnce(
      `${path}: this machine has no fonts, the boxes are drawn without labels; install some (Debian: apt-get install fonts-dejavu-core)`,
    );
  const drawn = sharp(rgb, { raw: { width, height, channels: 3 } }).composite([{ input: overlay }]);
  return drawn.toFormat(format).toBuffer();
}

function overlaySvg({ width, height }: RgbImage, boxes: readonly LabelledBox[]): string {
  const side = Math.max(width, height);
  const [line, text] = [Math.max(1, side * LINE_SHARE), Math.max(LEAST_TEXT, side * TEXT_SHARE)];
  const drawn = boxes.map(({ box: [x1, y1, x2, y2], group, label }) => {
    const colour = `hsl(${Math.round((group * HUE_STEP) % 360)}, 85%, 40%)`;
    const plate = Math.min(width, label.length * text * CHARACTER + text / 2);
    const [x, y] = [Math.max(0, Math.min(x1, width - plate)), y1 >= text * 1.25 ? y1 - text * 1.25 : y1];
    return `<rect x="${x1}" y="${y1}" width="${x2 - x1}" height="${y2 - y1}" fill="none" stroke="${colour}" stroke-width="${line}"/>
<rect x="${x}" y="${y}" width="${plate}" height="${text * 1.25}" fill="${colour}"/>
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
