// Sentences whose phrases refer to boxes in a picture: Flickr30k Entities' files.
import { readdir } from 'node:fs/promises';
import { exists, joinPath, readText } from '#platform';
import { DataError } from '../errors.js';
import type { Box } from '../boxes.js';
import { requireKinds } from '../options.js';

/** A phrase of a sentence and its boxes. */
export interface Phrase {
  /** Indices of its first and last word. */
  first: number;
  last: number;
  boxes: readonly Box[];
  /** people, clothing, ...; a few phrases have two types. */
  types: readonly string[];
}

/** A sentence with those of its phrases that have boxes. */
export interface PhraseSentence {
  /** `<image id>#<number of the sentence>`. */
  id: string;
  /** For own data: file and line, for messages. */
  where?: string;
  imageId: string;
  words: readonly string[];
  phrases: readonly Phrase[];
}

/**
 * Reads Flickr30k Entities: `Sentences/<id>.txt`, `Annotations/<id>.xml` and a list of image ids (`train.txt`, `val.txt`, `test.txt`).
 * Phrases without a box (scenes, things not visible) are left out, and sentences without any phrase, as the authors do.
 * @throws DataError naming the file and line.
 * @example
 * const [{ words, phrases }] = await readFlickrEntities('flickr30k_entities', 'test.txt');
 * const { first, last, boxes } = phrases[0]; // words 0 to 2, 'A small dog': [[20, 5, 32, 30]]
 * @see https://github.com/BryanPlummer/flickr30k_entities
 */
export async function readFlickrEntities(folder: string, split: string): Promise<PhraseSentence[]> {
  requireKinds('readFlickrEntities', { 'a path': { folder, split } });
  const ids = (await readText(split)).split(/\s+/).filter((id) => id !== '');
  if (ids.length === 0) throw new DataError(`${split}: expected one image id per line, found none`);
  const names = new Set(await readdir(joinPath(folder, 'Sentences')).catch(() => []));
  if (names.size === 0)
    throw new DataError(`${folder}: expected the folders Sentences and Annotations of Flickr30k Entities`);
  const sentences: PhraseSentence[] = [];
  for (const imageId of ids) {
    const [text, xml] = [joinPath(folder, `Sentences/${imageId}.txt`), joinPath(folder, `Annotations/${imageId}.xml`)];
    if (!names.has(`${imageId}.txt`) || !(await exists(xml))) {
      throw new DataError(`${split}: image ${imageId} has no ${names.has(`${imageId}.txt`) ? xml : text}`);
    }
    sentences.push(...parseFlickrImage(imageId, await readText(text), parseBoxes(await readText(xml), xml), text));
  }
  return sentences;
}

/** The boxes of each entity in an annotation file. @throws DataError for a box without its four numbers. */
export function parseBoxes(xml: string, name: string): Map<string, Box[]> {
  const boxes = new Map<string, Box[]>();
  for (const [, object = ''] of xml.matchAll(/<object>([\s\S]*?)<\/object>/g)) {
    const bounds = /<bndbox>([\s\S]*?)<\/bndbox>/.exec(object)?.[1];
    if (bounds === undefined) continue; // a scene, or not visible
    const box = ['xmin', 'ymin', 'xmax', 'ymax'].map((tag) =>
      Number(new RegExp(`<${tag}>\\s*([-\\d.]+)\\s*</${tag}>`).exec(bounds)?.[1]),
    );
    const [x1 = NaN, y1 = NaN, x2 = NaN, y2 = NaN] = box;
    if (!box.every(Number.isFinite))
      throw new DataError(`${name}: expected xmin, ymin, xmax and ymax in every bndbox, found ${bounds.trim()}`);
    for (const [, entity = ''] of object.matchAll(/<name>\s*(\d+)\s*<\/name>/g)) {
      boxes.set(entity, [...(boxes.get(entity) ?? []), [x1, y1, x2, y2]]);
    }
  }
  return boxes;
}

/** The sentences of one image: `[/EN#1/people A man] walks .` */
function parseFlickrImage(
  imageId: string,
  text: string,
  boxes: ReadonlyMap<string, Box[]>,
  name: string,
): PhraseSentence[] {
  const sentences = text.split(/\r?\n/).map((line) => line.trim());
  return sentences.flatMap((line, number) => {
    if (line === '') return [];
    const words: string[] = [];
    const phrases: Phrase[] = [];
    let open: { first: number; entity: string; types: readonly string[] } | null = null;
    for (const token of line.split(/\s+/)) {
      const start = /^\[\/EN#(\d+)\/(\S+)/.exec(token);
      if (start !== null) {
        open = { first: words.length, entity: start[1] ?? '', types: (start[2] ?? '').split('/') };
        continue;
      }
      const ends = open !== null && token.endsWith(']');
      words.push(ends ? token.slice(0, -1) : token);
      if (!ends || open === null) continue;
      const { first, entity, types } = open;
      const found = boxes.get(entity);
      if (found !== undefined) phrases.push({ first, last: words.length - 1, boxes: found, types });
      open = null;
    }
    if (open !== null)
      throw new DataError(`${name}, line ${number + 1}: the phrase of entity ${open.entity} does not end`);
    return phrases.length === 0 ? [] : [{ id: `${imageId}#${number}`, imageId, words, phrases }];
  });
}
