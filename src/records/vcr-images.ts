// VCR's pictures by its annotations: the file, and the boxes and outlines of the detected objects.
import { join } from 'node:path';
import { z } from 'zod';
import { checkedValue } from '../checked-value.js';
import { DataError } from '../errors.js';
import { type JsonRecord, readJson, readJsonRecords } from '../formats/json.js';
import { asObject, idField, listField, textField } from './fields.js';
import { requireKinds } from '../options.js';
import { firstOf } from '../words.js';

/** A picture of VCR. */
export interface VcrImage {
  id: string;
  /** Path of the picture. */
  picture: string;
  /** Path of its boxes and outlines. */
  metadata: string;
  /** Kinds of the detected objects. */
  objects: readonly string[];
}

/** The objects detected in a picture, in its pixels: one box and one list of polygons per object. */
export interface VcrMetadata {
  boxes: readonly (readonly [number, number, number, number])[];
  outlines: readonly (readonly (readonly [number, number])[])[][];
}

/** A box and the detector's confidence, which is not used. */
const box = z
  .array(z.number())
  .min(4)
  .transform(([x1, y1, x2, y2]) => [x1, y1, x2, y2] as [number, number, number, number]);
const metadata = z.object({
  boxes: z.array(box),
  segms: z.array(z.array(z.array(z.tuple([z.number(), z.number()])))),
});

/**
 * The pictures of annotation files (`train.jsonl` and so on), each once, in order.
 * @param folder `vcr1images`, below which all files lie. @throws DataError naming the line: missing field, a path that leaves the folder,
 * two pictures with one id.
 * @example
 * const [{ id, picture, objects }] = await readVcrImages(['val.jsonl'], 'vcr1images');
 * picture; // 'vcr1images/still.jpg'
 */
export async function readVcrImages(paths: readonly string[], folder: string): Promise<VcrImage[]> {
  requireKinds('readVcrImages', { 'a list': { paths } });
  const images = new Map<string, VcrImage>();
  for (const path of paths) {
    for (const record of await readJsonRecords(path)) {
      const image = imageOf(record, folder);
      const before = images.get(image.id) ?? image;
      if (before.picture !== image.picture) {
        throw new DataError(
          `${record.where}: image ${image.id} is ${image.picture}, and ${before.picture} in an earlier annotation`,
        );
      }
      images.set(image.id, before);
    }
  }
  return [...images.values()];
}

function imageOf(record: JsonRecord, folder: string): VcrImage {
  const object = asObject(record);
  const { where } = record;
  const inFolder = (field: string): string => join(folder, requireInside(textField(object, field, where), where));
  return {
    id: idField(object, 'img_id', where),
    picture: inFolder('img_fn'),
    metadata: inFolder('metadata_fn'),
    objects: listField(object, 'objects', where).map(String),
  };
}

function requireInside(path: string, where: string): string {
  if (!/^[/\\]|^[a-z]:|\0/i.test(path) && !path.split(/[/\\]/).includes('..')) return path;
  throw new DataError(`${where}: expected a path inside the folder of images, received ${JSON.stringify(path)}`);
}

/** Boxes and outlines of a picture. @throws DataError when the file is absent, has another layout or another number of objects. */
export async function readVcrMetadata({ metadata: path, objects }: VcrImage): Promise<VcrMetadata> {
  const { data, problems } = checkedValue(metadata, await readJson(path), 'the file');
  if (problems !== null) throw new DataError(`${path}: expected VCR's boxes and segms: ${firstOf(problems, 3, '; ')}`);
  const { boxes, segms } = data;
  if (boxes.length !== objects.length || segms.length !== objects.length) {
    throw new DataError(
      `${path}: expected ${objects.length} objects, as in the annotation, found ${boxes.length} boxes and ${segms.length} segms`,
    );
  }
  return { boxes, outlines: segms };
}
