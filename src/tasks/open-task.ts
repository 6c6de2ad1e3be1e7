// Opens a task by its name: the only file that imports all tasks.
import { openAnswering } from './answering/own-answering.js';
import { openFlickr } from './grounding/flickr.js';
import { openGrounding } from './grounding/own-grounding.js';
import { openClassification } from './classification/own-classification.js';
import { openNlvr } from './classification/nlvr.js';
import { openNlvr2 } from './classification/nlvr2.js';
import type { OpenedTask, TaskContext } from './shared/opened-task.js';
import { requireTask, resolveTaskOptions } from './shared/options.js';
import { openPretraining } from './pretraining/captions.js';
import { openFlickrPretraining, openNlvr2Pretraining, openVqaPretraining } from './pretraining/task-data.js';
import { openVcr } from './vcr/vcr.js';
import { openVcrPretraining } from './pretraining/vcr.js';
import { openVqa } from './answering/vqa.js';

/**
 * Opens a task's data.
 * @throws ConfigError for an unknown task or option; DataError for invalid data.
 * @example
 * const options = { data: 'mine.jsonl', features: 'features.vbf' };
 * const { data, close } = await openTask('answering', options, { purpose: 'evaluate', model: 'runs/vqa' });
 * const example = await data.example(0);
 * await close();
 */
export async function openTask(name: string, options: unknown, context: TaskContext): Promise<OpenedTask> {
  requireTask(name);
  switch (name) {
    case 'vqa':
      return openVqa(resolveTaskOptions('vqa', options), context);
    case 'nlvr':
      return openNlvr(resolveTaskOptions('nlvr', options), context);
    case 'nlvr2':
      return openNlvr2(resolveTaskOptions('nlvr2', options), context);
    case 'vcr':
      return openVcr(resolveTaskOptions('vcr', options), context);
    case 'flickr':
      return openFlickr(resolveTaskOptions('flickr', options), context);
    case 'vqa-pretraining':
      return openVqaPretraining(resolveTaskOptions(name, options), context);
    case 'nlvr2-pretraining':
      return openNlvr2Pretraining(resolveTaskOptions(name, options), context);
    case 'vcr-pretraining':
      return openVcrPretraining(resolveTaskOptions(name, options), context);
    case 'flickr-pretraining':
      return openFlickrPretraining(resolveTaskOptions(name, options), context);
    case 'classification':
      return openClassification(resolveTaskOptions('classification', options), context);
    case 'answering':
      return openAnswering(resolveTaskOptions('answering', options), context);
    case 'grounding':
      return openGrounding(resolveTaskOptions('grounding', options), context);
    case 'pretraining':
      return openPretraining(resolveTaskOptions('pretraining', options), context);
  }
}
