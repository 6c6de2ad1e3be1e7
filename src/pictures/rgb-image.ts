// A picture as 8-bit RGB.

/** A picture: `rgb` holds height x width x 3 bytes, row by row. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}
