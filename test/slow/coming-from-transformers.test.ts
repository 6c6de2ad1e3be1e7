// Runs the Python half of docs/coming-from-transformers.md in transformers, and compares its numbers with ours.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { tf, valueAndGradients, VisualBertForQuestionAnswering } from '../../src/node.js';
import { hubSnapshot } from '../helpers/files/hub-cache.js';
import { findPython, runPython } from '../helpers/machine/python.js';
import { tinyModel } from '../helpers/models/tiny-model.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] what is the man eating ?'.split(' ');
const BLOCKS = [
  ...readFileSync('docs/coming-from-transformers.md', 'utf8').matchAll(/^```python\n([\s\S]*?)^```/gm),
].map(({ 1: code = '' }) => code);
/** Sums of 2048 products in other orders. */
const TOLERANCE = 1e-5;
const REGIONS = 36;

const root = temporaryFolder();

const found = findPython();
if ('reason' in found) process.stderr.write(`skipped: the Python blocks; ${found.reason}\n`);

interface Results {
  ids: number[][];
  logits: number[][];
  loss: number;
  gradient: number[][];
  attentions: number[];
}

/** The largest difference of two lists of numbers. */
function difference(one: ArrayLike<number>, other: readonly number[]): number {
  expect(one.length).toBe(other.length);
  return other.reduce((most, value, i) => Math.max(most, Math.abs(value - (one[i] ?? NaN))), 0);
}

('python' in found ? test : test.skip)(
  'the Python blocks of the ten tasks run, with the numbers of this side',
  async () => {
    const cache = join(root, 'hub');
    const folder = hubSnapshot(cache, 'uclanlp/visualbert-vqa');
    const start = tinyModel('VisualBertForQuestionAnswering', {
      vocabSize: WORDS.length,
      visualEmbeddingDim: 2048,
      maxPositionEmbeddings: 64,
      numLabels: 9,
    });
    await start.savePretrained(folder);
    start.dispose();
    writeFileSync(join(hubSnapshot(cache, 'bert-base-uncased'), 'vocab.txt'), `${WORDS.join('\n')}\n`);
    const script = join(root, 'blocks.py');
    expect(BLOCKS).toHaveLength(8); // --resume and predictions have no Python half
    const [inside = '', ...others] = [BLOCKS.at(-1), ...BLOCKS.slice(0, -1)];
    const [load, prepare, forward, gradients, step, run, save] = others;
    writeFileSync(
      script,
      [
        'import json, os',
        `os.environ["HF_HUB_CACHE"] = ${JSON.stringify(cache)}`,
        `os.chdir(${JSON.stringify(root)})`,
        ...[load, prepare, forward, gradients],
        'results = {"ids": inputs["input_ids"].tolist(), "logits": outputs.logits.tolist(), "loss": loss.item()}',
        'results["gradient"] = model.cls.weight.grad.tolist()',
        'model.zero_grad()',
        step,
        'train = validation = [{**{name: value[0] for name, value in inputs.items()}, "labels": labels[0]}] * 2',
        ...[run, save],
        inside,
        'results["attentions"] = list(outputs.attentions[0].shape)',
        'print(json.dumps(results))',
      ].join('\n'),
    );
    const python = runPython<Results>((found as { python: string }).python, script, []);

    const model = await VisualBertForQuestionAnswering.fromPretrained(folder);
    const labels = tf.tensor2d([Array.from({ length: 9 }, (_, i) => Number(i === 5))]);
    const inputs = { inputIds: tf.tensor2d(python.ids, undefined, 'int32'), visualEmbeds: tf.ones([1, REGIONS, 2048]) };
    const { loss, gradients: own } = await valueAndGradients(model, { ...inputs, labels });
    expect(difference(model.forward(inputs).logits.dataSync(), python.logits.flat())).toBeLessThan(TOLERANCE);
    expect(difference([loss], [python.loss])).toBeLessThan(TOLERANCE);
    expect(difference(own.get('cls.weight')?.dataSync() ?? [], python.gradient.flat())).toBeLessThan(TOLERANCE);
    const positions = (python.ids[0]?.length ?? 0) + REGIONS;
    expect(python.attentions).toEqual([1, 4, positions, positions]);
  },
);
