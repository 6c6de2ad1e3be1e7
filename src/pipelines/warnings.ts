// Warns of inputs with the right shape but a wrong meaning, which cost tens of points of accuracy without an error.
import type { RegionFeatures } from '../features/region-features.js';
import { warnOnce } from '../logger.js';
import type { EncodedText } from '../processing/batch.js';
import type { VisualBertProcessor } from '../processing/processor.js';
import { BOX_FEATURE_DIM } from '../processing/region-inputs.js';
import type { TextFormName } from '../processing/text-forms.js';

/** Width of the authors' features with box coordinates: 2048 and 6. */
const WIDTH_WITH_BOXES = 2054;
/** Largest value that counts as a share of the picture: boxes may extend past its edge. */
const LARGEST_SHARE = 1.5;
/** Text forms of tasks with one image: their checkpoints were trained with visual type 0 only. */
const ONE_IMAGE: readonly TextFormName[] = ['vqa', 'vcr', 'flickr', 'pretraining', 'nlvr'];

/** A VQA head reads the token before the last [SEP], which was [MASK] in training: without it VQA 2.0 falls from 70.8% to 40 to 46%. */
export function warnAboutMaskSlot({ ids }: EncodedText, { tokenizer, task }: VisualBertProcessor): void {
  if (ids.at(-2) === tokenizer.special.mask) return;
  warnOnce(
    `visual-question-answering: the text has no [MASK] before the last [SEP], where the head reads the answer (text form ${task}). ` +
      "Checkpoints of the authors and of this package were trained with it; use textForm: 'vqa' unless this one was not",
  );
}

/** Warns of several images for a checkpoint that was trained with one. */
export function warnAboutVisualTypes(images: number, task: TextFormName): void {
  if (images < 2 || !ONE_IMAGE.includes(task)) return;
  warnOnce(
    `regions: ${images} images are distinguished by the visual types 0 to ${images - 1}, and this checkpoint (text form ${task}) was trained with type 0 ` +
      'only; use one image, or a checkpoint of NLVR2',
  );
}

/** Warns of boxes in pixels where the model expects shares of the picture, and vice versa. */
export function warnAboutBoxes(regions: RegionFeatures, { visualEmbeddingDim }: VisualBertProcessor): void {
  const { features, count, dim, boxes, imageWidth = 0, imageHeight = 0 } = regions;
  if (dim === visualEmbeddingDim && dim === WIDTH_WITH_BOXES) {
    const coordinates = Array.from({ length: count }, (_, i) =>
      features.subarray((i + 1) * dim - BOX_FEATURE_DIM, (i + 1) * dim),
    );
    if (coordinates.some((box) => box.some((value) => value > LARGEST_SHARE)))
      warnOnce(
        `regions: the last ${BOX_FEATURE_DIM} of ${dim} features are larger than 1. The model expects boxes as shares of the picture (x1, y1, x2, y2, width, ` +
          'height from 0 to 1); these look like pixels: divide them by the size of the picture',
      );
    return;
  }
  const needsBoxes = boxes !== undefined && dim + BOX_FEATURE_DIM === visualEmbeddingDim;
  if (
    needsBoxes &&
    Math.min(imageWidth, imageHeight) > 2 * LARGEST_SHARE &&
    boxes.every((value) => value <= LARGEST_SHARE)
  )
    warnOnce(
      `boxes: expected pixels of a picture of ${imageWidth} x ${imageHeight}, received values up to 1, which look like shares; multiply them by the ` +
        'size of the picture, or all regions appear in its corner',
    );
}
