// Opens a question about a picture: the checkpoint, the detector, and whether it is the one of the checkpoint's training.
import { join } from 'node:path';
import { cacheRoot } from '../platform/cache-root.js';
import { loadConfig } from '../config/config.js';
import { ConfigError, errorMessage, HubError } from '../errors.js';
import {
  type DetectorIdentity,
  detectorText,
  isOfGivenBoxes,
  isSameDetector,
  VCR_FEATURE_EXTRACTOR,
} from '../features/detector-identity.js';
import type { Picture } from '../features/picture-detector.js';
import { isNativeBackend } from '../inference/native-backend.js';
import { requirePicture } from '../pictures/load.js';
import type { HubProgress } from '../platform/hub/options.js';
import { publishedCheckpoint } from '../config/published-checkpoints.js';
import { webFile } from '../platform/hub/web-file.js';
import { locatePretrained, type PretrainedFiles } from '../platform/locate.js';
import { areUnnamed } from '../processing/answer-vocabulary.js';
import { readTrainedDetector } from '../processing/load-processor.js';
import { requireDetector } from '../vision/weights/find.js';
import { type AnyOneInput, openLocatedInput, type OneInputOptions } from './one-input.js';
import { openDetectorLike } from './open-picture-detector.js';
import { defined, requireKinds, requireOptions } from '../options.js';

/** The default checkpoint: the authors' for VQA 2.0. */
export const DEFAULT_ASKED_MODEL = 'uclanlp/visualbert-vqa';

/** Options of `openQuestion`. */
export interface QuestionOptions extends Pick<
  OneInputOptions,
  'text' | 'answers' | 'compile' | 'precision' | 'allowFreshWeights' | 'choices' | 'objects' | 'phrases'
> {
  /** Run folder, model folder or hub id. Default `uclanlp/visualbert-vqa`. */
  model?: string | undefined;
  /** The picture, or the two of a pair (NLVR2: left, right). */
  pictures: readonly Picture[];
  /** A detector's name or folder. Default: the one that the checkpoint was trained with. */
  detector?: string | undefined;
  /** Receives the progress of downloads. */
  onProgress?: (progress: HubProgress) => void;
}

/** A checkpoint, a question about pictures, and the detectors. */
export interface OpenedQuestion {
  input: AnyOneInput;
  model: string;
  /** The detector that finds the regions. */
  detector: DetectorIdentity;
  /** The detector of the checkpoint's training; null if unknown. */
  trainedWith: DetectorIdentity | null;
  /** Whether both are the same; null if unknown. */
  isInDistribution: boolean | null;
  /** Frees model and detector. */
  close(): Promise<void>;
}

/**
 * Loads a checkpoint and a detector for a question about pictures; published files are downloaded if missing.
 * @throws DataError for a picture that is not there; ConfigError when the checkpoint's detector is unknown and none is given; CheckpointError, HubError for unavailable weights.
 * @example
 * const asked = { model: 'runs/vqa', pictures: ['photo.jpg'], text: 'What is the man eating?', detector: 'runs/detector' };
 * const { input, close } = await openQuestion(asked);
 * if (input.task === 'visual-question-answering') console.log(await input.pipeline(input.input));
 * await close();
 */
export async function openQuestion(options: QuestionOptions): Promise<OpenedQuestion> {
  requireOptions('openQuestion', options);
  const { model = DEFAULT_ASKED_MODEL, detector: named, onProgress, pictures, ...rest } = options;
  requireKinds('openQuestion', { 'a list': { pictures } });
  // Before anything is downloaded:
  for (const picture of pictures) await requirePicture(picture);
  if (named !== undefined) await requireDetector(named);
  const files = await locatePretrained(model, watched(onProgress));
  await loadConfig(files).catch(withNeeds(model)); // before optional files, whose failure would say less
  const trainedWith = await readTrainedDetector(files).catch(withNeeds(model));
  const answers = options.answers ?? (await publishedAnswers(files, onProgress));
  // Detectors support neither int8 nor, op by op, others than fp32.
  const precision = rest.precision === 'int8' || !isNativeBackend() ? 'fp32' : rest.precision;
  const found = await openDetectorLike(trainedWith, named ?? detectorOf(model, trainedWith), {
    ...defined({ precision }),
    ...watched(onProgress),
  });
  const { detector } = found;
  const { settings, ...identity } = found.identity;
  try {
    const input = await openLocatedInput(files, {
      ...rest,
      ...{ model, pictures, detector },
      ...watched(onProgress),
      ...(answers === undefined ? {} : { answers }),
    });
    const close = async (): Promise<void> => {
      await input.close();
      await found.dispose();
    };
    const isInDistribution = isSameDetector(trainedWith, { ...identity, ...defined({ settings }) });
    return { input, model, detector: identity, trainedWith, isInDistribution, close };
  } catch (error) {
    await found.dispose();
    throw error;
  }
}

/** Adds to the error of a hub that cannot be reached what a question needs, and where local copies are given. */
function withNeeds(model: string): (error: unknown) => never {
  const { answers, detector = 'that it was trained with' } = publishedCheckpoint(model) ?? {};
  return (error) => {
    if (!(error instanceof HubError)) throw error;
    throw new HubError(
      `${error.message}. Without the network a question needs copies of: the model, a folder with config.json, weights and vocab.txt (--model FOLDER); ` +
        `${answers === undefined ? '' : `its list of answers, ${answers} (--answers FILE); `}` +
        `the detector ${detector}, a folder that \`visualbert convert\` wrote (--detector FOLDER)`,
      { cause: error },
    );
  };
}

/** The name of the detector that a checkpoint was trained with. */
function detectorOf(model: string, trainedWith: DetectorIdentity | null): string {
  if (trainedWith?.name === VCR_FEATURE_EXTRACTOR)
    throw new ConfigError(
      `${model}: was trained with the boxes of VCR's annotations, described by a feature extractor of its own: make its features with \`visualbert features vcr\``,
    );
  if (trainedWith !== null && trainedWith.name !== null) return trainedWith.name;
  throw new ConfigError(`${model}: ${unlocatedText(trainedWith)} (--detector)`);
}

/** What is known of a detector without a name, and what to give. */
function unlocatedText(trainedWith: DetectorIdentity | null): string {
  if (trainedWith === null) return 'the detector that it was trained with is unknown; give its name or folder';
  const trained = `was trained with ${detectorText(trainedWith)}`;
  return isOfGivenBoxes(trainedWith)
    ? `${trained}; give the folder of a detector that finds such boxes`
    : `${trained}, whose folder is unknown; give it`;
}

/** The list of answers of a published checkpoint without one. */
async function publishedAnswers(
  files: PretrainedFiles,
  onProgress: QuestionOptions['onProgress'],
): Promise<string | undefined> {
  const address = publishedCheckpoint(files.where)?.answers;
  if (address === undefined || !areUnnamed((await loadConfig(files)).config.id2label)) return undefined;
  try {
    return await webFile(address, join(cacheRoot(), 'answers'), watched(onProgress));
  } catch (error) {
    throw new HubError(
      `${files.where}: its classes have no names, and the list of its answers could not be downloaded (${errorMessage(error)}); download it on a machine with ` +
        'network access and give it (--answers answers_vqa.txt)',
    );
  }
}

function watched(onProgress: QuestionOptions['onProgress']): Pick<QuestionOptions, 'onProgress'> {
  return onProgress === undefined ? {} : { onProgress };
}
