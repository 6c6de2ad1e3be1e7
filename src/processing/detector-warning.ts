// Warns where regions come from another detector than those that a checkpoint was trained with: their shapes fit, their numbers mean nothing to it.
import { type DetectorIdentity, detectorText, isSameDetector } from '../features/detector-identity.js';
import { warnOnce } from '../logger.js';

/** @param features what the warning calls the regions: a file, or the detector itself. */
export function warnAboutDetector(
  trainedWith: DetectorIdentity | null,
  used: DetectorIdentity | null | undefined,
  features: string,
): void {
  if (trainedWith === null || !used || isSameDetector(trainedWith, used) !== false) return;
  warnOnce(
    `${features}: regions of ${detectorText(used)}, and the checkpoint was trained with those of ${detectorText(trainedWith)}. Features of another ` +
      'detector are out of distribution (VQA 2.0 falls from 71% to 40 to 46%): use that detector, or train with the features at hand',
  );
}
