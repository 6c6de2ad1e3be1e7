// Judged examples as reports show them: answers with probabilities, images with boxes, and pictures where there are any.
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isFolder } from '#platform';
import type { AnswerVocabulary } from '../../processing/answer-vocabulary.js';
import { imageKey } from '../../image-key.js';
import type { RegionFeatures } from '../../features/region-features.js';
import type { RawTensor } from '../../raw-tensor.js';
import { softmax } from '../../scores.js';
import type { ExampleNote, NotedImage } from '../../training/task.js';

/** Answers that a note holds. */
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

/** The pictures of feature paths that are folders of PNG files, as data URLs by image id. */
export async function pictureReader(paths: readonly string[]): Promise<(imageId: string) => Promise<string | null>> {
  const files = new Map<string, string>();
  for (const path of paths) {
    if (!(await isFolder(path))) continue;
    for (const name of await readdir(path, { recursive: true })) {
      if (name.endsWith('.png')) files.set(imageKey(basename(name, '.png')), join(path, name));
    }
  }
  return async (imageId) => {
    const path = files.get(imageKey(imageId));
    return path === undefined ? null : `data:image/png;base64,${(await readFile(path)).toString('base64')}`;
  };
}

function quads(values: Float32Array): number[][] {
  return Array.from({ length: values.length / 4 }, (_, i) => [...values.subarray(4 * i, 4 * i + 4)]);
}
