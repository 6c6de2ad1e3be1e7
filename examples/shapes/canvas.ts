// A white sheet to draw pictures, frames, bars and short texts on.
import { type RgbImage } from '../../src/node.js';

export type Rgb = readonly [number, number, number];
/** Left, top, width, height in pixels. */
export type Area = readonly [x: number, y: number, width: number, height: number];

/** Capital letters on 5 x 7 dots: each sign, then its seven rows as numbers of base 32, the leftmost dot first. */
const GLYPHS = new Map(
  (
    'Aehhvhhh Buhhuhhu Cehggghe Duhhhhhu Evgguggv Fvgguggg Gehgnhhe Hhhhvhhh Ie44444e J72222ic Khikokih Lggggggv ' +
    'Mhrllhhh Nhpljhhh Oehhhhhe Puhhuggg Qehhhlid Ruhhukih Sfgge11u Tv444444 Uhhhhhhe Vhhhhha4 Whhhllrh Xhha4ahh ' +
    'Yhha4444 Zv1248gv 0ehjlphe 14c4444e 2eh168gv 3u11e11u 426aiv22 5vgu11he 6egguhhe 7v124888 8ehhehhe 9ehhf11e ' +
    '?eh16404 .00000cc %pp248jj :0cc0cc0 -000v000 /11248gg'
  )
    .split(' ')
    .map((glyph) => [glyph.charAt(0), [...glyph.slice(1)].map((row) => parseInt(row, 32))] as const),
);
const [GLYPH_WIDTH, GLYPH_HEIGHT] = [5, 7];

export class Canvas implements RgbImage {
  readonly rgb: Uint8Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.rgb = new Uint8Array(width * height * 3).fill(255);
  }

  fill([x, y, width, height]: Area, color: Rgb): void {
    for (let row = Math.round(y); row < Math.round(y + height); row++)
      for (let column = Math.round(x); column < Math.round(x + width); column++) this.dot(column, row, color);
  }

  /** Lines of `thickness` pixels along the inside of an area. */
  frame([x, y, width, height]: Area, thickness: number, color: Rgb): void {
    this.fill([x, y, width, thickness], color);
    this.fill([x, y + height - thickness, width, thickness], color);
    this.fill([x, y, thickness, height], color);
    this.fill([x + width - thickness, y, thickness, height], color);
  }

  /** A picture enlarged `zoom` times, its pixels as squares. */
  picture({ width, height, rgb }: RgbImage, x: number, y: number, zoom: number): void {
    for (let p = 0; p < width * height; p++) {
      const color = [rgb[p * 3] as number, rgb[p * 3 + 1] as number, rgb[p * 3 + 2] as number] as const;
      this.fill([x + (p % width) * zoom, y + Math.floor(p / width) * zoom, zoom, zoom], color);
    }
  }

  /** Writes a line of text in capital letters; a letter is `6 * size` wide and `7 * size` high. */
  text(text: string, x: number, y: number, size: number, color: Rgb): void {
    [...text.toUpperCase()].forEach((sign, i) => {
      const rows = GLYPHS.get(sign) ?? [];
      rows.forEach((bits, row) => {
        for (let column = 0; column < GLYPH_WIDTH; column++) {
          const isSet = ((bits >> (GLYPH_WIDTH - 1 - column)) & 1) === 1;
          if (isSet) this.fill([x + (i * (GLYPH_WIDTH + 1) + column) * size, y + row * size, size, size], color);
        }
      });
    });
  }

  private dot(x: number, y: number, [r, g, b]: Rgb): void {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    this.rgb.set([r, g, b], (y * this.width + x) * 3);
  }
}

/** Width of a text in pixels. */
export function textWidth(text: string, size: number): number {
  return text.length * (GLYPH_WIDTH + 1) * size;
}

/** Height of a line with the space below it, in pixels. */
export function lineHeight(size: number): number {
  return (GLYPH_HEIGHT + 3) * size;
}

/** Breaks a text between words into lines of at most `width` pixels. */
export function wrapped(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, size) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
