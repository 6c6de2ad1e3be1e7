// A small NLVR data set and a small model's configuration, for tests that start the commands.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { uniformValues } from '../../../src/random/values.js';
import { temporaryFolder } from '../files/temporary-folder.js';

export interface NlvrFiles {
  folder: string;
  train: string;
  validation: string;
  modelConfig: string;
}

const COLORS = ['#0099ff', 'Yellow', 'Black'];
const NAMES = ['blue', 'yellow', 'black'];

/** Statements about the color of one square in each of three boxes. */
export function writeNlvrFiles(trainCount = 24, validationCount = 8): NlvrFiles {
  const folder = temporaryFolder();
  const lines = (count: number, seed: number): string => {
    const values = uniformValues(count * 2, seed, 0, 1);
    return Array.from({ length: count }, (_, i) => {
      const shown = Math.floor((values[2 * i] as number) * 3);
      const said = Math.floor((values[2 * i + 1] as number) * 3);
      const square = { x_loc: 10 + (i % 50), y_loc: 20, type: 'square', color: COLORS[shown], size: 20 };
      return JSON.stringify({
        identifier: `${seed}${i}-0`,
        directory: '0',
        evals: {},
        sentence: `there is a ${NAMES[said]} square`,
        label: String(shown === said),
        structured_rep: [[square], [square], [square]],
      });
    }).join('\n');
  };
  const files = {
    folder,
    train: join(folder, 'train.json'),
    validation: join(folder, 'dev.json'),
    modelConfig: join(folder, 'small.json'),
  };
  writeFileSync(files.train, `${lines(trainCount, 1)}\n`);
  writeFileSync(files.validation, `${lines(validationCount, 2)}\n`);
  const config = { hidden_size: 12, num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 17 };
  writeFileSync(files.modelConfig, JSON.stringify({ ...config, max_position_embeddings: 16 }));
  return files;
}
