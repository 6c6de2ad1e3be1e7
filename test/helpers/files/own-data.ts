// A folder for tests of own data: a file of records, and features of a few images.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFeatureFolder } from './numpy-files.js';
import { temporaryFolder } from './temporary-folder.js';

/** How a task is opened for training without a model. */
export const TRAIN_CONTEXT = { purpose: 'train', model: null } as const;

export interface OwnDataFolder {
  folder: string;
  /** Features of images 1, 2 and 3: two regions of three numbers each. */
  features: string;
  /** Writes records as lines of the folder's one file. @returns its path */
  file(...records: unknown[]): string;
}

/** Made when called; removed after the tests of the file. */
export function ownDataFolder(): OwnDataFolder {
  const folder = temporaryFolder();
  return {
    folder,
    features: writeFeatureFolder(join(folder, 'features'), ['1', '2', '3'], 2, 3),
    file: (...records) => {
      const path = join(folder, 'data.jsonl');
      writeFileSync(path, records.map((record) => JSON.stringify(record)).join('\n'));
      return path;
    },
  };
}
