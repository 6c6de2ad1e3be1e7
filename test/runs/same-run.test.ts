// A resumed run requires the same data, options and model, and names the differences.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { openTrainRun } from '../../src/runs/train.js';
import { sortSettings } from '../../src/runs/settings.js';
import { SILENT_PROGRESS } from '../../src/training/log/progress.js';
import { type TrainResult } from '../../src/training/loop/trainer-options.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

beforeAll(() => tf.setBackend('cpu'));

const folder = temporaryFolder();
const images = ['1', '2', '3', '4'];
const records = images.map((image, i) => ({ text: 'a red bird sits', image, label: i % 2 === 0 ? 'yes' : 'no' }));
const data = join(folder, 'data.jsonl');
writeFileSync(data, records.map((record) => JSON.stringify(record)).join('\n'));
const modelConfig = { hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 7 };
const features = writeFeatureFolder(join(folder, 'features'), images, 3, 5);

async function train(settings: Record<string, unknown>): Promise<TrainResult> {
  const given = { task: 'classification', data, features, modelConfig, batchSize: 2, epochs: 2, ...settings };
  const run = await openTrainRun(sortSettings(given), { progress: SILENT_PROGRESS });
  try {
    return await run.trainer.train();
  } finally {
    await run.close();
  }
}

describe('a run that goes on', () => {
  const outputDir = join(folder, 'run');
  beforeAll(() => train({ outputDir, stopAfter: 1 }));

  test.each([
    ['how long texts may be', { maxTextLength: 4 }, /`maxTextLength` was 128, is 4/],
    ['how many regions are shown', { maxRegions: 1 }, /`maxRegions` was not set, is 1/],
    ['a control', { regions: 'zeroed' }, /`regions` was "real", is "zeroed"/],
    ['the model', { modelConfig: { ...modelConfig, hiddenDropoutProb: 0.5 } }, /`hiddenDropoutProb` was 0.1, is 0.5/],
    [
      'the features of an image',
      { features: writeFeatureFolder(join(folder, 'others'), ['4', '3', '2', '1'], 3, 5) },
      /training examples differ from the run's/,
    ],
  ])('refuses another setting of %s', async (_, changed, message) => {
    await expect(train({ outputDir, resume: true, ...changed })).rejects.toThrow(message);
  });

  test('takes the same features from another place, and another cache', async () => {
    const moved = writeFeatureFolder(join(folder, 'moved'), images, 3, 5);
    const { reason, step } = await train({ outputDir, resume: true, features: moved, cacheMb: 1 });
    expect([reason, step]).toEqual(['finished', 4]);
  });
});
