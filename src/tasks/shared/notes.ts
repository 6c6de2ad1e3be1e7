// Evaluated examples for reports: answers with probabilities, images with boxes, and pictures if available.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isFolder } from '#platform';
import { readWhole } from '../../platform/files.js';
import type { AnswerVocabulary } from '../../processing/answer-vocabulary.js';
import { imageKey } from '../../image-key.js';
import type { RegionFeatures } from '../../features/region-features.js';
import { errorMessage } from '../../errors.js';
import { pictureUrl } from '../../html/picture-url.js';
import { warnOnce } from '../../logger.js';
import type { RawTensor } from '../../raw-tensor.js';
import { softmax } from '../../scores.js';
import type { ExampleNote, NotedImage } from '../../evaluation/task.js';

/** Number of answers in a note. */
export const NOTED_ANSWERS = 5;

/** The most likely answer of a row of logits, and the first few with their probabilities. */
export function notedAnswers(
  answers: AnswerVocabulary,
  logits: RawTensor['data'],
): Pick<ExampleNote, 'predicted' | 'scores'> {
  const best = answers.best(softmax(logits), NOTED_ANSWERS);
  return { predicted: best[0]?.answer ?? '', scores: best.map(({ answer, score }) => [answer, score] as const) };
}

/** The images of an example with their boxes, without pixels. */
export function notedImages(ids: readonly string[], images: readonly RegionFeatures[]): NotedImage[] {
  return ids.map((id, i) => {
    const { boxes, imageWidth: width, imageHeight: height } = images[i] ?? {};
    return {
      id,
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(boxes === undefined ? {} : { boxes: quads(boxes) }),
    };
  });
}

/** Picture files that browsers show. */
const PICTURE_FILE = /\.(png|jpe?g|webp|gif)$/i;

/**
 * Pictures by image id, as data URLs: of the folders among the paths, at any depth, by file name. Warns once of a file that cannot be read
 * or is not a picture, and omits it.
 */
export async function folderPictures(paths: readonly string[]): Promise<(imageId: string) => Promise<string | null>> {
  const files = new Map<string, string>();
  for (const path of paths) {
    if (!(await isFolder(path))) continue;
    for (const name of await readdir(path, { recursive: true })) {
      if (PICTURE_FILE.test(name)) files.set(imageKey(basename(name).replace(PICTURE_FILE, '')), join(path, name));
    }
  }
  return async (imageId) => {
    const path = files.get(imageKey(imageId));
    if (path === undefined) return null;
    try {
      return pictureUrl(await readWhole(path), path);
    } catch (error) {
      warnOnce(`${path}: the picture is omitted (${errorMessage(error)})`);
      return null;
    }
  };
}

function quads(values: Float32Array): number[][] {
  return Array.from({ length: values.length / 4 }, (_, i) => [...values.subarray(4 * i, 4 * i + 4)]);
}
