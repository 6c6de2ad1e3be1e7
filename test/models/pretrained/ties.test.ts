// The masked-LM decoder and its ties, as files hold them.
import { beforeAll, expect, test } from '@jest/globals';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memorySink } from '../../../src/byte-sink.js';
import { writePytorch } from '../../../src/checkpoint/pytorch-writer.js';
import type { TensorToWrite } from '../../../src/checkpoint/safetensors.js';
import { openTensorPath } from '../../../src/models/pretrained/open-weights.js';
import { VisualBertForPreTraining } from '../../../src/models/pre-training.js';
import { useBackend } from '../../helpers/backend.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const SOURCE = 'test/fixtures/checkpoints/tiny-pretraining-old';
const WORDS = 'visual_bert.embeddings.word_embeddings.weight';
const DECODER = 'cls.predictions.decoder.weight';

let scratch: string;
beforeAll(async () => {
  await useBackend();
  scratch = temporaryFolder();
});

/** The fixture with other tensors. */
async function changed(
  name: string,
  change: (tensor: TensorToWrite) => TensorToWrite | null,
): Promise<VisualBertForPreTraining> {
  const folder = join(scratch, name);
  cpSync(SOURCE, folder, { recursive: true });
  const file = await openTensorPath(`${SOURCE}/pytorch_model.bin`);
  const tensors: TensorToWrite[] = [];
  for (const { name: key, dtype, shape } of file.tensors.values()) {
    const bytes = await file.readBytes(key);
    const tensor = change({ name: key, dtype, shape, bytes: () => bytes });
    if (tensor !== null) tensors.push(tensor);
  }
  await file.close();
  const sink = memorySink(name);
  await writePytorch(sink, tensors);
  writeFileSync(join(folder, 'pytorch_model.bin'), sink.bytes());
  return VisualBertForPreTraining.fromPretrained(folder);
}

async function values(model: VisualBertForPreTraining, name: string): Promise<unknown> {
  return (await model.stateDict()).get(name)?.data;
}

test('equal decoder and word table stay tied, whether they share a storage or not', async () => {
  for (const model of [
    await VisualBertForPreTraining.fromPretrained(SOURCE),
    await changed('copies', (tensor) => tensor),
  ]) {
    expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [], untiedKeys: [] });
    expect(model.loadingReport?.ignoredKeys).toContain(DECODER);
    expect(model.namedParameters().has(DECODER)).toBe(false);
    expect(await values(model, DECODER)).toEqual(await values(model, WORDS));
    model.dispose();
  }
});

test('a file with the decoder only fills the word table from it', async () => {
  const model = await changed('decoder-only', (tensor) =>
    tensor.name === WORDS || tensor.name === 'cls.predictions.bias' ? null : tensor,
  );
  const whole = await VisualBertForPreTraining.fromPretrained(SOURCE);
  expect(model.loadingReport).toMatchObject({ missingKeys: [], untiedKeys: [] });
  for (const name of [WORDS, 'cls.predictions.bias'])
    expect(await values(model, name)).toEqual(await values(whole, name));
});

test('a decoder of its own makes an untied model, which is saved and loaded as one', async () => {
  const model = await changed('untied', (tensor) =>
    tensor.name === DECODER ? { ...tensor, bytes: () => new Uint8Array(4 * 16 * 8) } : tensor,
  );
  expect(model.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [], untiedKeys: [DECODER] });
  expect(model.config.tieWordEmbeddings).toBe(false);
  expect(await values(model, DECODER)).toEqual(new Float32Array(16 * 8));
  expect(await values(model, WORDS)).not.toEqual(new Float32Array(16 * 8));
  expect(await values(model, 'cls.predictions.decoder.bias')).toEqual(await values(model, 'cls.predictions.bias'));
  const folder = join(scratch, 'saved');
  await model.savePretrained(folder);
  const again = await VisualBertForPreTraining.fromPretrained(folder);
  expect(again.loadingReport).toMatchObject({ missingKeys: [], unexpectedKeys: [] });
  expect(await again.stateDict()).toEqual(await model.stateDict());
});
