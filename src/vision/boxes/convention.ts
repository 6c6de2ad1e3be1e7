// Conventions of box coordinates: the detectors of Caffe count pixels, later ones measure lengths.

/**
 * `inclusive`: x2 is the last pixel of the box, so that it is `x2 - x1 + 1` wide and ends at W - 1 (Caffe, Detectron, maskrcnn-benchmark).
 * `continuous`: x2 is where the box ends, so that it is `x2 - x1` wide and ends at W (detectron2, torchvision).
 */
export type BoxConvention = 'inclusive' | 'continuous';

/** Added to `x2 - x1` for a length: 1 where x2 is the last pixel. */
export function extentOf(convention: BoxConvention): 0 | 1 {
  return convention === 'inclusive' ? 1 : 0;
}
