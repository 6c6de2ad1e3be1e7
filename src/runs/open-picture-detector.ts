// Opens a detector for a checkpoint: its regions get the same kind of features as those that the checkpoint was trained on.
import type { DetectorIdentity, StoredDetector } from '../features/detector-identity.js';
import type { PictureDetector } from '../features/picture-detector.js';
import { defined, requireOptions, requirePath } from '../options.js';
import { readTrainedDetector } from '../processing/load-processor.js';
import { pixelDetector } from '../vision/pixel-detector.js';
import { type DetectorComputation, RegionDetector } from '../vision/region-detector.js';
import { findDetector, type FindDetectorOptions } from '../vision/weights/find.js';
import { detectorIdentity } from '../vision/weights/identity.js';

/** Options of `openPictureDetector`. */
export type PictureDetectorOptions = FindDetectorOptions & Pick<DetectorComputation, 'precision'>;

/** A detector that was opened for a checkpoint. */
export interface OpenedPictureDetector {
  detector: PictureDetector;
  /** Its name, weights and settings. */
  identity: StoredDetector;
  /** Frees its weights. */
  dispose(): Promise<void>;
}

/**
 * Loads a detector for a checkpoint. A checkpoint that was trained on pixel features (see `pixelFeatures`) gets pixel features of the detector's boxes.
 * @param model run folder, model folder or hub id
 * @param where a detector's name or folder
 * @throws ConfigError when `where` names no detector; CheckpointError, HubError when its weights cannot be read or downloaded
 * @example
 * const { detector, dispose } = await openPictureDetector('runs/vqa', 'runs/detector');
 * const ask = await pipeline('visual-question-answering', 'runs/vqa', { detector });
 * const answers = await ask({ question: 'What color is the bus?', regions: 'photo.jpg' });
 * await ask.dispose();
 * await dispose();
 */
export async function openPictureDetector(
  model: string,
  where: string,
  options: PictureDetectorOptions = {},
): Promise<OpenedPictureDetector> {
  requirePath('openPictureDetector', model);
  requirePath('openPictureDetector', where);
  requireOptions('openPictureDetector', options);
  return openDetectorLike(await readTrainedDetector(model), where, options);
}

/** A detector that describes what it finds as `trainedWith` does, the detector of a checkpoint's training. */
export async function openDetectorLike(
  trainedWith: DetectorIdentity | null,
  where: string,
  { precision, ...finding }: PictureDetectorOptions,
): Promise<OpenedPictureDetector> {
  const pixels = trainedWith?.pixels;
  const folder = await findDetector(where, finding);
  const network = await RegionDetector.fromPretrained(folder, defined({ precision }));
  try {
    const settings = { ...network.config };
    const identity = { ...(await detectorIdentity(folder, network.name)), ...defined({ pixels }), settings };
    const detector = pixels === undefined ? network : pixelDetector(network, pixels);
    return { detector, identity, dispose: () => network.dispose() };
  } catch (error) {
    await network.dispose();
    throw error;
  }
}
