// How the pixels of a region become its features.

/** `colors` suits patches of a picture, `form` objects in boxes. */
export const LOOKS = ['colors', 'form'] as const;

/** Options of `pixelFeatures`. */
export interface PixelFeatureOptions {
  /** Cells along each side of the grid that a region is averaged onto. */
  cells: number;
  /**
   * `colors`: the RGB colour of every cell. `form`: how much every cell stands out from the rim of the region, whatever the colours,
   * and the one colour of what stands out.
   */
  look: (typeof LOOKS)[number];
}
