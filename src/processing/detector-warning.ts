// Warns of regions from another detector than the one that a checkpoint was trained with: the shapes fit, but the values are meaningless to it.
import {
  type DetectorIdentity,
  detectorText,
  isSameDetector,
  type StoredDetector,
} from '../features/detector-identity.js';
import { warnOnce } from '../logger.js';

/** @param features the regions' name in the warning: a file, or the detector. */
export function warnAboutDetector(
  trainedWith: DetectorIdentity | null,
  used: StoredDetector | null | undefined,
  features: string,
): void {
  if (trainedWith === null || !used || isSameDetector(trainedWith, used) !== false) return;
  warnOnce(
    lookWarning(trainedWith, used, features) ??
      `${features}: regions of ${detectorText(used)}, and the checkpoint was trained with those of ${detectorText(trainedWith)}. Features of another ` +
        'detector mean nothing to a model before it is trained on them: for the accuracy of the checkpoint, use the features of its detector',
  );
}

/** Of the same boxes, described by their pixels in another way: the options that differ. Null for other differences. */
function lookWarning(
  { pixels: learnt, ...finder }: DetectorIdentity,
  { pixels: made, ...other }: DetectorIdentity,
  features: string,
): string | null {
  if (learnt === undefined || made === undefined || isSameDetector(finder, other) === false) return null;
  const names = (['look', 'cells'] as const).filter((name) => learnt[name] !== made[name]);
  const settings = (of: typeof made): string => names.map((name) => `\`${name}\` ${of[name]}`).join(' and ');
  return `${features}: its regions are described with ${settings(made)}, and the checkpoint was trained with ${settings(learnt)}; open the pictures with ${settings(learnt)}, or pack their features again`;
}
