// How the pixels of a region become its features.

/** `colors` suits patches of a picture, `form` objects in boxes. */
export const LOOKS = ['colors', 'form'] as const;

/** Options of `pixelFeatures`. */
export interface PixelFeatureOptions {
  /** Cells along each side of the grid that a region is averaged onto. */
  cells: number;
  /**
   * `colors`: the RGB colour of each cell. `form`: how much the colour of each cell differs from the mean of the region's edge cells,
   * and the mean colour weighted by these differences.
   */
  look: (typeof LOOKS)[number];
}
