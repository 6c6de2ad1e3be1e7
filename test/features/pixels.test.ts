// Pixel features: values by hand on pictures of a few pixels.
import { describe, expect, test } from '@jest/globals';
import { openRegionFeatures } from '../../src/features/open.js';
import { gridBoxes, pixelFeatureDim, pixelFeatures } from '../../src/features/pixels.js';
import { decodePng, encodePng } from '../../src/pictures/png.js';
import type { RgbImage } from '../../src/pictures/rgb-image.js';
import { PNG } from 'pngjs';

/** A picture from rows of colors. */
function picture(rows: readonly (readonly (readonly [number, number, number])[])[]): RgbImage {
  return { width: rows[0]?.length ?? 0, height: rows.length, rgb: Uint8Array.from(rows.flat(2)) };
}

const RED = [255, 0, 0] as const;
const BLUE = [0, 0, 255] as const;
const BLACK = [0, 0, 0] as const;
const WHITE = [255, 255, 255] as const;

describe('PNG files', () => {
  test('come back as they were written', () => {
    const image = picture([
      [RED, BLUE, BLACK],
      [WHITE, RED, [12, 34, 56]],
    ]);
    expect(decodePng(encodePng(image))).toEqual(image);
  });

  test('lay transparent pixels over white', () => {
    const png = new PNG({ width: 2, height: 1 });
    png.data.set([255, 0, 0, 0, 0, 0, 0, 51]);
    expect([...decodePng(PNG.sync.write(png)).rgb]).toEqual([255, 255, 255, 204, 204, 204]);
  });

  test('name what is not a PNG', () => {
    expect(() => decodePng(new TextEncoder().encode('<html>'), 'a.png')).toThrow(/a\.png: expected a PNG file/);
  });
});

describe('features from colors', () => {
  const image = picture([
    [RED, BLUE],
    [BLACK, WHITE],
  ]);

  test('hold the color of each cell, row by row, scaled to -2..2, then the place', () => {
    const { features, count, dim } = pixelFeatures(image, [[0, 0, 2, 2]], { cells: 2, look: 'colors' });
    expect({ count, dim }).toEqual({ count: 1, dim: 18 });
    expect(dim).toBe(pixelFeatureDim({ cells: 2, look: 'colors' }));
    expect([...features]).toEqual([2, -2, -2, -2, -2, 2, -2, -2, -2, 2, 2, 2, -4, -4, 4, 4, 4, 4]);
  });

  test('count a pixel by the share of it that a cell covers', () => {
    // x from 0.5 to 1.5 in the upper row: half red, half blue.
    const { features } = pixelFeatures(image, [[0.5, 0, 1.5, 1]], { cells: 1, look: 'colors' });
    expect([...features.subarray(0, 3)]).toEqual([0, -2, 0]);
    expect([...features.subarray(3)]).toEqual([-2, -4, 2, 0, 0, 0]);
  });

  test('refuse boxes that are empty or leave the picture', () => {
    const options = { cells: 1, look: 'colors' } as const;
    expect(() => pixelFeatures(image, [[0, 0, 3, 1]], options)).toThrow(
      /box 0 .* 2 x 2 pixels, received \[0, 0, 3, 1\]/,
    );
    expect(() => pixelFeatures(image, [[1, 0, 1, 1]], options)).toThrow('x1 < x2');
    expect(() => pixelFeatures(image, [[0, 0, NaN, 1]], options)).toThrow('NaN');
  });
});

describe('features from form', () => {
  /** One cell of a color in the middle of another. */
  const dot = (inner: readonly [number, number, number], outer: readonly [number, number, number]): RgbImage =>
    picture([
      [outer, outer, outer],
      [outer, inner, outer],
      [outer, outer, outer],
    ]);
  const formOf = (image: RgbImage): number[] => [
    ...pixelFeatures(image, [[0, 0, 3, 3]], { cells: 3, look: 'form' }).features,
  ];

  test('describe what differs from the edge, and its color', () => {
    const features = formOf(dot(WHITE, BLACK));
    expect(features).toHaveLength(pixelFeatureDim({ cells: 3, look: 'form' }));
    const contrast = Math.sqrt(3) / (Math.sqrt(3) + 0.05);
    const weight = contrast + 0.05;
    const brightness = weight / (weight + 8 * 0.05);
    features.slice(0, 12).forEach((value, i) => {
      const expected = i === 4 ? 4 * contrast - 1 : i < 9 ? -1 : 4 * (brightness - 0.5);
      expect(value).toBeCloseTo(expected, 5);
    });
  });

  test('give the same form for other colors, light on dark and dark on light', () => {
    const [a, b] = [formOf(dot(WHITE, BLACK)), formOf(dot(BLACK, WHITE))];
    expect(a.slice(0, 9)).toEqual(b.slice(0, 9));
    expect(formOf(dot(RED, BLUE)).slice(0, 9)).not.toEqual(formOf(dot(BLUE, BLUE)).slice(0, 9));
  });

  test('of an even patch are flat and finite', () => {
    expect(formOf(dot(RED, RED)).slice(0, 12)).toEqual([...Array<number>(9).fill(-1), 2, -2, -2]);
  });
});

test('a grid of boxes covers the picture, row by row', () => {
  expect(gridBoxes(6, 4, 2)).toEqual([
    [0, 0, 3, 2],
    [3, 0, 6, 2],
    [0, 2, 3, 4],
    [3, 2, 6, 4],
  ]);
});

test('options that features from pictures cannot have are refused by name', async () => {
  const opened = openRegionFeatures('pictures', { look: 'forms' as 'form', cells: 0, dim: 0 });
  await expect(opened).rejects.toThrow(
    'openRegionFeatures: cells: expected a whole number of at least 1, received 0; look: expected one of colors, form, received "forms"; dim: ',
  );
});
