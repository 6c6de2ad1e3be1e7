// The forward pass of a model in a file: which of its parameters stay there.
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { loadForwardPass } from '../../src/inference/open-forward-pass.js';
import { MODEL_CLASSES } from '../../src/models/model-classes.js';
import { openModel } from '../../src/models/open-model.js';
import { useBackend } from '../helpers/backend.js';
import { openFiles } from '../helpers/files/open-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';
import { tinyInputs, tinyModel, type ModelName } from '../helpers/models/tiny-model.js';

let hasEngine = false;
beforeAll(async () => {
  hasEngine = (await useBackend()).backend === 'tensorflow';
});

const VQA = 'VisualBertForQuestionAnswering';
const PRE_TRAINING = 'VisualBertForPreTraining';

test.each([
  ['VisualBertModel', true, {}, {}],
  [VQA, true, {}, {}],
  [VQA, true, {}, { format: 'pytorch' }],
  [VQA, true, {}, { maxShardSize: '1KB' }],
  [VQA, false, {}, { dtype: 'bfloat16' }], // has to be converted
  [PRE_TRAINING, false, {}, {}], // its head multiplies by the word embeddings
  [PRE_TRAINING, true, { tieWordEmbeddings: false }, {}],
] as const)('%s reads word embeddings from the file: %s (%j, %j)', async (name, staysOpen, config, saved) => {
  if (!hasEngine) return;
  const folder = temporaryFolder();
  const source = tinyModel(name as ModelName, config);
  await source.savePretrained(folder, saved);
  source.dispose();
  const Model = MODEL_CLASSES[name as ModelName];
  const inputs = tinyInputs(name as ModelName);
  const load = (compile: boolean): ReturnType<typeof loadForwardPass> =>
    loadForwardPass(() => openModel(Model, folder, {}), { compile });
  const { model: eager, forward: reference } = await load(false);
  const { model, forward } = await load(true);
  const open = openFiles(folder);
  if (open !== null) expect(open).toHaveLength(staysOpen ? 1 : 0);
  const [expected, received] = [await reference.outputs(inputs), await forward.outputs(inputs)];
  expect(Object.keys(received)).toEqual(Object.keys(expected));
  for (const [output, { data }] of Object.entries(expected)) {
    // sums of up to 30 products below 10 in another order
    data.forEach((value, i) => expect(Math.abs((received[output]?.data[i] ?? NaN) - value)).toBeLessThan(1e-4));
  }
  await forward.dispose();
  expect(openFiles(folder) ?? []).toEqual([]);
  await reference.dispose();
  model.dispose();
  eager.dispose();
});

test('ends a call with an error where the checkpoint was cut off', async () => {
  if (!hasEngine) return;
  const folder = temporaryFolder();
  const source = tinyModel(VQA);
  await source.savePretrained(folder);
  source.dispose();
  const { model, forward } = await loadForwardPass(() => openModel(MODEL_CLASSES[VQA], folder, {}));
  truncateSync(join(folder, 'model.safetensors'), 100);
  await expect(forward.outputs(tinyInputs(VQA))).rejects.toThrow(
    /^forward: the file was overwritten after it was opened: expected \d+ bytes, received 100; load the model again/,
  );
  await forward.dispose();
  model.dispose();
});
