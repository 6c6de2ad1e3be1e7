// Captions of images: COCO's annotation files, result files and JSON lines.
import { DataError } from '../errors.js';
import { readJsonRecords } from '../formats/json.js';
import { asObject, idField, textField } from './fields.js';

/** A caption of an image. */
export interface Caption {
  imageId: string;
  caption: string;
}

/**
 * Reads captions: COCO's `{ annotations: [{ image_id, caption }] }`, an array or lines of the same records.
 * @throws DataError naming the record; when there are none.
 * @example
 * await readCaptions('captions.json'); // [{ imageId: '42', caption: 'A red bus.' }]
 * @see https://cocodataset.org/#format-data
 */
export async function readCaptions(path: string): Promise<Caption[]> {
  const captions = (await readJsonRecords(path, 'annotations')).map((record) => {
    const object = asObject(record);
    return {
      imageId: idField(object, 'image_id', record.where),
      caption: textField(object, 'caption', record.where).trim(),
    };
  });
  if (captions.length === 0) throw new DataError(`${path}: holds no captions`);
  return captions;
}
