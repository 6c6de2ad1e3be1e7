// Pre-training on captions: masked words, and whether the second caption belongs to the image.
import { approximateLength } from '../../processing/approximate-length.js';
import { type Caption, readCaptions } from '../../records/captions.js';
import { imageKey } from '../../image-key.js';
import { DataError } from '../../errors.js';
import { mapSplits, readAll, readSplits, type TaskExample } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { PretrainingOptions } from '../shared/options.js';
import type { Composition, PretrainingRecord } from './masked-language-task.js';
import { openMaskedTexts } from './masked-texts.js';

/** A caption with the others of its image. */
export interface CaptionRecord extends Caption, PretrainingRecord {
  /** Indices of the image's other captions in the data set. */
  siblings: readonly number[];
  /** All captions of the data set. */
  all: readonly Caption[];
}

/** Opens captions for pre-training. @throws DataError when pairs are requested and an image has only one caption. */
export async function openPretraining(
  options: PretrainingOptions,
  context: TaskContext,
): Promise<OpenedTask<TaskExample<CaptionRecord>>> {
  const captions = await readSplits(
    (paths) => readAll(paths, readCaptions),
    options.captions,
    options.validationCaptions,
  );
  const records = mapSplits(captions, (all) => captionRecords(all, options.captionPairs));
  return openMaskedTexts<CaptionRecord>(
    {
      name: 'pretraining',
      compose: options.captionPairs ? composePair : composeSingle,
      fullText: ({ caption }) => caption,
      record: {
        name: ({ caption }) => `caption ${JSON.stringify(caption.slice(0, 30))}`,
        fingerprint: ({ imageId, caption }) => `${imageId} ${caption}`,
        textLength: ({ caption }) => 2 * approximateLength(caption),
      },
    },
    records,
    options,
    context,
  );
}

function captionRecords(captions: readonly Caption[], needsPairs: boolean): CaptionRecord[] {
  const byImage = new Map<string, number[]>();
  captions.forEach(({ imageId }, i) => {
    const key = imageKey(imageId);
    byImage.set(key, [...(byImage.get(key) ?? []), i]);
  });
  if (byImage.size < 2) throw new DataError('captions: expected captions of at least two images');
  return captions.map(({ imageId, caption }, i) => {
    const siblings = (byImage.get(imageKey(imageId)) ?? []).filter((other) => other !== i);
    if (needsPairs && siblings.length === 0) {
      throw new DataError(
        `image ${imageId} has a single caption, expected two for a pair; set captionPairs to false to use one caption at a time`,
      );
    }
    return { imageId, imageIds: [imageId], caption, key: `${i} ${imageKey(imageId)}`, siblings, all: captions };
  });
}

/** The caption and a second one: in half of the cases of the same image, else of another. */
function composePair({ caption, siblings, all, imageId }: CaptionRecord, random: () => number): Composition {
  const matches = random() <= 0.5;
  const other = matches
    ? (all[siblings[Math.floor(random() * siblings.length)] as number] as Caption)
    : captionOfAnother(imageId, all, random);
  return { text: caption, pair: other.caption, matches };
}

/** The caption, or in half of the cases one of another image. */
function composeSingle({ caption, all, imageId }: CaptionRecord, random: () => number): Composition {
  const matches = random() >= 0.5;
  return { text: matches ? caption : captionOfAnother(imageId, all, random).caption, matches };
}

function captionOfAnother(imageId: string, all: readonly Caption[], random: () => number): Caption {
  const start = Math.floor(random() * all.length);
  for (let tries = 0; ; tries++) {
    // a few random draws, then the next ones in order, so that the search ends
    const other = all[
      (tries < 8 && tries > 0 ? Math.floor(random() * all.length) : start + tries) % all.length
    ] as Caption;
    if (imageKey(other.imageId) !== imageKey(imageId)) return other;
  }
}
