// How pixels become features: names, checks, defaults and help texts, defined once; tasks and commands take their options from them.
import { z } from 'zod';
import { oneOf, wholeNumber } from '../options.js';

/** `colors` suits patches of a picture, `form` objects in boxes. */
export const LOOKS = ['colors', 'form'] as const;

/** Options of `pixelFeatures`. */
export interface PixelFeatureOptions {
  /** Cells along each side of the grid that a region is averaged onto. */
  cells: number;
  /**
   * `colors`: the RGB color of each cell. `form`: how much the color of each cell differs from the mean of the region's edge cells,
   * and the mean color weighted by these differences.
   */
  look: (typeof LOOKS)[number];
}

/** Options of features that are made from pictures. */
export interface PictureFeatureOptions extends PixelFeatureOptions {
  /** Without boxes: patches along each side of a picture. */
  grid: number;
}

/** By default 8 x 8 patches of 8 x 8 colors: every pixel of a 64 x 64 picture. */
export const PICTURE_FEATURE_OPTIONS = {
  grid: wholeNumber(1).default(8).describe('features from pictures: patches along each side'),
  cells: wholeNumber(1).default(8).describe('features from pictures: cells along each side of a region'),
  look: oneOf(LOOKS).default('colors').describe('features from pictures: colors of the cells, or form and one color'),
} satisfies { [K in keyof PictureFeatureOptions]: z.ZodDefault<z.ZodType<PictureFeatureOptions[K]>> };

/** The defaults of `PICTURE_FEATURE_OPTIONS`. */
export const PICTURE_FEATURE_DEFAULTS: Readonly<PictureFeatureOptions> = z.object(PICTURE_FEATURE_OPTIONS).parse({});
