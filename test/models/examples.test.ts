// The examples of docs/examples.md run as they stand there, on small checkpoints in a hub cache of the test's own.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as surface from '../../src/node.js';
import { useBackend } from '../helpers/backend.js';
import { hubSnapshot } from '../helpers/files/hub-cache.js';
import { writePublishedModels } from '../helpers/models/published-models.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const { tf } = surface;
const EXAMPLES = [...readFileSync('docs/examples.md', 'utf8').matchAll(/## ([\w ]+)\n\n```ts\n([\s\S]*?)```/g)].map(
  ([, title = '', code = '']) => ({ title, code }),
);

/** What each example makes last, and what it must look like. */
const EXPECTED: Record<string, Record<string, number[]>> = {
  Usage: { lastHiddenState: [1, 14, 12] },
  VisualBertConfig: {},
  VisualBertModel: { lastHiddenState: [1, 15, 12], poolerOutput: [1, 12] },
  VisualBertForPreTraining: { loss: [], predictionLogits: [1, 15, 64], seqRelationshipLogits: [1, 2] },
  VisualBertForQuestionAnswering: { loss: [], logits: [1, 3129] },
  VisualBertForMultipleChoice: { loss: [], logits: [1, 2] },
  VisualBertForVisualReasoning: { loss: [], logits: [1, 2] },
  VisualBertForRegionToPhraseAlignment: { loss: [], logits: [1, 14, 6] },
};

const WORDS =
  '[PAD] [UNK] [CLS] [SEP] [MASK] what is the man eating ? . , capital of france paris who apple in italy pizza served formal settings such as at a restaurant presented un ##sliced it eaten with fork and knife while held hand';

describe('docs/examples.md', () => {
  const cache = temporaryFolder();
  const environment = { ...process.env };

  beforeAll(async () => {
    await useBackend();
    process.env['HF_HUB_CACHE'] = cache;
    process.env['HF_HUB_OFFLINE'] = '1';
    await writePublishedModels(cache, 64, 'pytorch');
    writeFileSync(join(hubSnapshot(cache, 'bert-base-uncased'), 'vocab.txt'), `${WORDS.split(' ').join('\n')}\n`);
  });
  afterAll(() => {
    process.env = environment;
  });

  test('has every example of the page', () => {
    expect(EXAMPLES.map(({ title }) => title)).toEqual(Object.keys(EXPECTED));
  });

  test.each(EXAMPLES)('$title', async ({ title, code }) => {
    const names = [...code.matchAll(/^import \{ (.*) \} from 'visualbert-tfjs\/node';$/gm)].flatMap(([, list = '']) =>
      list.split(', '),
    );
    expect(names.filter((name) => !(name in surface))).toEqual([]);
    const results = Object.keys(EXPECTED[title] ?? {});
    const body = code.replace(/^import .*$/gm, '');
    const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor as FunctionConstructor;
    const run = AsyncFunction(
      'surface',
      'image',
      'getVisualEmbeddings',
      `const { ${names.join(', ')} } = surface; ${body}; return { model, ${results.join(', ')} };`,
    );
    const getVisualEmbeddings = (_image: unknown, width = 2048): unknown =>
      tf.randomUniform([6, width], 0, 1, 'float32', 1);
    const { model, ...outputs } = (await run(surface, null, getVisualEmbeddings)) as Record<
      string,
      { shape: number[] }
    >;
    const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
    expect(shapes).toEqual(EXPECTED[title]);
    const loss = outputs['loss'] as unknown as { data(): Promise<Float32Array> } | undefined;
    expect(Number.isFinite((await loss?.data())?.[0] ?? 0)).toBe(true);
    (model as unknown as surface.VisualBertModel).dispose();
  });
});
