// Regions of one image made in the tests.
import type { RegionFeatures } from '../../../src/features/region-features.js';

/** Regions of `dim` values each, in their order; boxes and image size as given. */
export function regionsWith(
  values: readonly number[],
  dim: number,
  more: Partial<RegionFeatures> = {},
): RegionFeatures {
  return { features: Float32Array.from(values), count: values.length / dim, dim, ...more };
}

/** Regions with the value 100 image + 10 region + feature: what fixtures/make_features.py writes. */
export function rampRegions(image: number, count: number, dim: number): Float32Array {
  return Float32Array.from({ length: count * dim }, (_, i) => 100 * image + 10 * Math.floor(i / dim) + (i % dim));
}
