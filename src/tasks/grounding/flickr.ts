// Flickr30k Entities: the phrases of captions and their boxes.
import { readFlickrEntities } from '../../records/flickr.js';
import { readSplits } from '../shared/datasets.js';
import type { OpenedTask, TaskContext } from '../shared/opened-task.js';
import type { FlickrOptions } from '../shared/options.js';
import { type GroundingExample, openPhrases } from './grounding.js';

/** Opens Flickr30k Entities. @throws DataError for images without features or boxes. */
export async function openFlickr(options: FlickrOptions, context: TaskContext): Promise<OpenedTask<GroundingExample>> {
  const { entities, split, validationSplit } = options;
  const splits = await readSplits((list: string) => readFlickrEntities(entities, list), split, validationSplit);
  return openPhrases('flickr', splits, options, context);
}
