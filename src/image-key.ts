// One key for the many spellings of an image id: 9 in annotations, COCO_train2014_000000000009 in feature files.
import { requireKinds } from './options.js';

const EXTENSIONS = /\.(?:jpe?g|png|webp|gif|avif|tiff?|npy|npz|pt)$/i;
const COCO_PREFIX = /^COCO_[a-z]+\d{4}_/;

/**
 * The id without file extensions, COCO's split prefix and leading zeros. COCO numbers its images across splits, so the number is
 * enough; ids of other data sets stay as they are.
 */
export function imageKey(id: string): string {
  requireKinds('region features', { 'a text': { 'image id': id } });
  let name = id;
  while (EXTENSIONS.test(name)) name = name.replace(EXTENSIONS, '');
  name = name.replace(COCO_PREFIX, '');
  return /^\d+$/.test(name) ? name.replace(/^0+(?=\d)/, '') : name;
}
