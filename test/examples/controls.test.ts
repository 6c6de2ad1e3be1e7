// The quickstart's controls on a smaller run: the model learns with the pictures, and not without them or with exchanged ones.
import { join } from 'node:path';
import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import { SHAPES_RECIPE, taskData, type Task } from '../../examples/shapes/recipe.js';
import { type ShapesPaths, shapesPaths, writeShapesData } from '../../examples/shapes/write-data.js';
import { evaluateRun, openTrainRun, SILENT_PROGRESS } from '../../src/node.js';
import { useBackend } from '../helpers/backend.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

// Seconds on an idle machine; many tests side by side make it minutes.
jest.setTimeout(300_000);

const { backend, reason } = await useBackend();
const title = 'without the picture nothing is learnt';

let folder: string;
let paths: ShapesPaths;
beforeAll(async () => {
  folder = temporaryFolder();
  await writeShapesData(folder, { seed: 0, trainScenes: 300, testScenes: 60, perTemplate: 1000 });
  paths = shapesPaths(folder);
});

/** Percent right on held-out scenes after `maxSteps`, with the picture or without it. */
async function score(task: Task, regions: 'real' | 'zeroed' | 'shuffled', maxSteps: number): Promise<number> {
  const outputDir = join(folder, `${task}-${regions}`);
  const data = taskData(task, paths, 'train', 'validation');
  const run = await openTrainRun(
    {
      task,
      model: null,
      modelConfig: SHAPES_RECIPE.model,
      data: { ...data, vocabulary: paths.vocabulary, regions },
      arguments: { ...SHAPES_RECIPE.training[task], maxSteps, outputDir, evaluateEvery: 'never', saveEvery: 'never' },
    },
    { progress: SILENT_PROGRESS },
  );
  await run.trainer.train();
  await run.close();
  const options = { ...taskData(task, paths, 'test'), regions };
  const { metrics } = await evaluateRun({ task, model: outputDir, data: options, purpose: 'evaluate', batchSize: 128 });
  return metrics['accuracy'] ?? NaN;
}

(backend === 'tensorflow' ? describe : describe.skip)(
  backend === 'tensorflow' ? title : `${title} (skipped: ${reason ?? backend})`,
  () => {
    test('questions about pictures are learnt from pictures', async () => {
      // Who knows how often each answer occurs to a wording guesses 28% right; this short run stands at 50%.
      expect(await score('vqa', 'real', 700)).toBeGreaterThan(40);
    });

    test.each(['zeroed', 'shuffled'] as const)('questions cannot be answered with regions %s', async (regions) => {
      expect(await score('vqa', regions, 200)).toBeLessThan(60);
    });

    test.each(['zeroed', 'shuffled'] as const)('statements cannot be judged with regions %s', async (regions) => {
      expect(await score('nlvr', regions, 120)).toBeLessThan(60);
    });
  },
);
