// Boxes and labels over pictures: where they are drawn, and how large.
import { describe, expect, test } from '@jest/globals';
import { drawBoxes, type LabelledBox } from '../../src/pictures/draw-boxes.js';
import { decodePng } from '../../src/pictures/png.js';
import type { RgbImage } from '../../src/pictures/rgb-image.js';

const GRAY = [128, 128, 128];
/** hsl(0, 85%, 40%): the color of group 0. */
const RED = [189, 15, 15];

async function drawn(width: number, height: number, boxes: LabelledBox[]): Promise<RgbImage> {
  const image = { width, height, rgb: new Uint8Array(width * height * 3).fill(128) };
  return decodePng(await drawBoxes(image, boxes, 'drawn.png'));
}

function pixel({ width, rgb }: RgbImage, x: number, y: number): number[] {
  return [...rgb.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

describe('drawBoxes', () => {
  const box = [10, 20, 60, 40] as const;

  test('enlarges a small picture by a whole factor, with its boxes', async () => {
    const picture = await drawn(100, 50, [{ box, group: 0, label: '' }]);
    expect(picture).toMatchObject({ width: 800, height: 400 });
    // A line of 2 pixels around each edge of the box from (80, 160) to (480, 320).
    const colors = [
      [79, 240], [80, 240], [479, 240], [480, 240], [240, 159], [240, 160], [240, 319], [240, 320], // the edges
      [77, 240], [82, 240], [482, 240], [477, 240], [240, 157], [240, 162], [240, 317], [240, 322], // inside and outside
    ].map(([x = 0, y = 0]) => pixel(picture, x, y)); // prettier-ignore
    expect(colors.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => RED));
    expect(colors.slice(8)).toEqual(Array.from({ length: 8 }, () => GRAY));
  });

  test('repeats each pixel of a small picture, so that nothing is smoothed that the detector saw', async () => {
    const rgb = Uint8Array.from([255, 0, 0, 0, 255, 0, 0, 0, 255]);
    const picture = decodePng(await drawBoxes({ width: 3, height: 1, rgb }, [], 'drawn.png'));
    expect(picture).toMatchObject({ width: 801, height: 267 });
    for (const [x, color] of [
      [0, [255, 0, 0]],
      [266, [255, 0, 0]],
      [267, [0, 255, 0]],
      [533, [0, 255, 0]],
      [534, [0, 0, 255]],
    ] as const)
      expect(pixel(picture, x, 133)).toEqual(color);
  });

  test('leaves the size of larger pictures', async () => {
    expect(await drawn(900, 3, [])).toMatchObject({ width: 900, height: 3 });
    expect(await drawn(3, 800, [])).toMatchObject({ width: 3, height: 800 });
  });

  test('puts a label above its box, and inside where there is no room', async () => {
    // Lines of text are 800 / 60 = 13.3 pixels high, their plates 16.7.
    const above = await drawn(800, 100, [{ box: [80, 50, 480, 90], group: 0, label: 'cat' }]);
    expect([36, 47].map((y) => pixel(above, 81, y))).toEqual([RED, RED]);
    expect(pixel(above, 81, 31)).toEqual(GRAY);
    expect(pixel(above, 120, 40)).toEqual(GRAY); // 3 characters end before
    const inside = await drawn(800, 100, [{ box: [80, 10, 480, 90], group: 0, label: 'cat' }]);
    expect(pixel(inside, 82, 24)).toEqual(RED);
    expect(pixel(inside, 82, 5)).toEqual(GRAY);
  });
});
