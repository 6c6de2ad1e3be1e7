// Draws a scene as a picture, with smooth edges.
import { type RgbImage } from '../../src/index.js';
import { SCENE_SIZE, type Color, type NewColor, type Scene, type Shape, type Thing } from './scene.js';

// Used millions of times: a local name is found faster than a global one.
const { abs, atan2, cos, hypot, max, min, sin } = Math;

/** Samples along each side of a pixel: 16 levels at an edge. */
const SAMPLES = 4;
/** Hue in degrees, and how far it varies to both sides. */
const HUES: Record<Color | NewColor, readonly [number, number]> = {
  red: [0, 10],
  yellow: [54, 6],
  green: [125, 20],
  blue: [215, 15],
  purple: [285, 12],
  orange: [30, 6],
  cyan: [180, 10],
  pink: [325, 10],
};

/** Whether a point lies in the shape; (0, 0) is its centre, 1 its half width, y points down. */
const INSIDE: Record<Shape, (x: number, y: number) => boolean> = {
  circle: (x, y) => x * x + y * y <= 1,
  square: (x, y) => abs(x) <= 0.92 && abs(y) <= 0.92,
  triangle: (x, y) => y <= 0.9 && y >= 2 * abs(x) - 1,
  cross: (x, y) => min(abs(x), abs(y)) <= 0.32 && max(abs(x), abs(y)) <= 1,
  star: inStar,
};

/** Five points: between two points the edge runs straight from radius 1 to an inner radius. */
function inStar(x: number, y: number): boolean {
  const inner = 0.42;
  const distance = hypot(x, y);
  if (distance > 1) return false;
  const sector = Math.PI / 5;
  const turn = abs(atan2(x, -y)) % (2 * sector);
  const angle = min(turn, 2 * sector - turn); // 0 towards a point, `sector` between two
  const [px, py] = [distance * cos(angle), distance * sin(angle)];
  const [ex, ey] = [inner * cos(sector) - 1, inner * sin(sector)];
  return ex * py - ey * (px - 1) >= 0;
}

/** The picture of a scene: things of one color each on a grey background that shades from top to bottom. */
export function drawScene({ things, background }: Scene): RgbImage {
  const size = SCENE_SIZE;
  const rgb = new Uint8Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    const grey = background[0] + ((background[1] - background[0]) * y) / (size - 1);
    rgb.fill(Math.round(grey), y * size * 3, (y + 1) * size * 3);
  }
  for (const thing of things) drawThing(thing, rgb, size);
  return { width: size, height: size, rgb };
}

function drawThing(thing: Thing, rgb: Uint8Array, size: number): void {
  const color = rgbOf(thing);
  const { x, y, radius } = thing;
  for (let row = Math.floor(y - radius); row < min(size, y + radius); row++) {
    for (let column = Math.floor(x - radius); column < min(size, x + radius); column++) {
      const share = covered(thing, column, row);
      for (let c = 0; c < 3 && share > 0; c++) {
        const at = (row * size + column) * 3 + c;
        rgb[at] = Math.round((rgb[at] as number) * (1 - share) + (color[c] as number) * share);
      }
    }
  }
}

/** The share of a pixel that a thing covers: pixels whose corners all lie inside, or all outside, are not sampled. */
function covered({ shape, x, y, radius }: Thing, column: number, row: number): number {
  const hit = (dx: number, dy: number): boolean => INSIDE[shape]((column + dx - x) / radius, (row + dy - y) / radius);
  const corners = Number(hit(0, 0)) + Number(hit(1, 0)) + Number(hit(0, 1)) + Number(hit(1, 1));
  if (corners === 0 || corners === 4) return corners / 4;
  let hits = 0;
  for (let i = 0; i < SAMPLES * SAMPLES; i++) {
    if (hit(((i % SAMPLES) + 0.5) / SAMPLES, (Math.floor(i / SAMPLES) + 0.5) / SAMPLES)) hits++;
  }
  return hits / (SAMPLES * SAMPLES);
}

/** @see https://www.w3.org/TR/css-color-4/#hsl-to-rgb */
function rgbOf({ color, brightness, saturation, hueShift }: Thing): number[] {
  const [middle, spread] = HUES[color];
  const hue = (middle + (2 * hueShift - 1) * spread + 360) % 360;
  const lightness = 0.35 + 0.3 * brightness;
  const chroma = (0.6 + 0.4 * saturation) * min(lightness, 1 - lightness);
  return [0, 8, 4].map((n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - chroma * max(-1, min(k - 3, 9 - k, 1))));
  });
}
