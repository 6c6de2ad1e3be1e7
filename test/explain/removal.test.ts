// The removal test and the accuracy of heads, against values by hand.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { explain } from '../../src/explain/explain.js';
import { HeadAccuracyTest } from '../../src/explain/head-accuracy.js';
import { REMOVED_PARTS, RemovalTest } from '../../src/explain/removal.js';
import type { LayerAttention } from '../../src/explain/trace.js';
import type { Pipeline, PipelineName } from '../../src/pipelines/contract.js';
import { accessTo } from '../../src/pipelines/create.js';
import { pipeline } from '../../src/pipelines/node-pipeline.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { useBackend } from '../helpers/backend.js';
import { EXPLANATIONS, inputOf, readExplanation } from '../helpers/models/explanation-fixtures.js';
import { regionsOfImage, writeCheckpoint } from '../helpers/models/pipeline-models.js';

beforeAll(async () => void (await useBackend()));

describe('RemovalTest', () => {
  test('removes regions and words in the order of each ranking, and counts every example once a place', async () => {
    const folder = await writeCheckpoint('VisualBertForVisualReasoning', { task: 'nlvr', config: { numLabels: 3 } });
    const judge = await pipeline('visual-reasoning', folder, { compile: false });
    const access = accessTo(judge as unknown as Pipeline<PipelineName>);
    /** Logits of each example at each place, by what a metric is given. */
    const seen: Map<number, RawTensor>[] = [];
    const metric = {
      name: 'logit',
      create: () => {
        const logits = new Map<number, RawTensor>();
        seen.push(logits);
        return {
          update: ([example]: readonly number[], { logits: found }: Record<string, RawTensor>) => {
            expect(logits.has(example as number)).toBe(false);
            logits.set(example as number, found as RawTensor);
          },
          compute: () => ({ logit: [...logits.values()].reduce((sum, { data }) => sum + (data[0] as number), 0) }),
        };
      },
    };
    const scores = access.head.scores as NonNullable<typeof access.head.scores>;
    const test = new RemovalTest<number>(access, scores, metric, { parts: REMOVED_PARTS, seed: 0 });
    const statements = ['the dog is red', 'a small ball near the man'];
    const examples = await Promise.all(
      statements.map(async (statement, i) => ({
        example: i,
        seen: await access.head.encode({ statement, regions: regionsOfImage(i, 5) } as never),
      })),
    );
    await test.add(examples);
    const curves = test.curves();
    expect(curves.map(({ parts, ranking, first }) => `${parts} ${ranking} ${first}`)).toContain('words relevance most');
    expect(curves).toHaveLength(2 * 4 * 2);

    // By hand: the sum of the first logits without any region, and without the most relevant three of five.
    const logitOf = async (i: number, hidden: readonly number[]): Promise<number> => {
      const { sequences, labels } = examples[i]?.seen ?? { sequences: [], labels: [] };
      const changed = { sequences: sequences.map((one) => ({ ...one, hidden })), labels };
      const [computed] = await access.run(access.collate([changed]));
      return (computed?.outputs['logits'] as RawTensor).data[0] as number;
    };
    const ofAll = async (hidden: (i: number) => readonly number[]): Promise<number> =>
      (await logitOf(0, hidden(0))) + (await logitOf(1, hidden(1)));
    const regions = curves.filter(({ parts }) => parts === 'regions');
    for (const { shares, accuracies, area } of regions) {
      expect(accuracies[0]).toBeCloseTo(await ofAll(() => []), 4);
      expect(accuracies.at(-1)).toBeCloseTo(await ofAll(() => [0, 1, 2, 3, 4]), 4);
      expect(shares).toEqual([0, 0.5, 0.75, 0.95, 0.96, 0.97, 0.98, 0.99, 1]);
      const [whole, half, quarter] = accuracies as [number, number, number];
      const none = accuracies[8] as number; // from 0.95 on
      expect(area).toBeCloseTo(
        0.25 * (whole + half) + 0.125 * (half + quarter) + 0.1 * (quarter + none) + 0.05 * none,
        5,
      );
    }
    const attention = await Promise.all(
      statements.map(async (statement, i) => {
        const input = { statement, regions: regionsOfImage(i, 5) };
        const { images } = await explain(judge, input, { method: 'relevance' });
        const order = [0, 1, 2, 3, 4].sort(
          (a, b) => (images[0]?.regions[b]?.score ?? 0) - (images[0]?.regions[a]?.score ?? 0),
        );
        return order.slice(0, 3);
      }),
    );
    const most = regions.find(({ ranking, first }) => ranking === 'relevance' && first === 'most');
    expect(most?.accuracies[1]).toBeCloseTo(await ofAll((i) => attention[i] ?? []), 4);
    await judge.dispose();
  });
});

describe.each(['qa', 'qa-bypass', 'reasoning', 'reasoning-bypass', 'choice', 'grounding'])(
  'removal from %s',
  (name) => {
    test('gives the logits of transformers on PyTorch without the removed regions and words', async () => {
      const { task, asked, removal, ...given } = readExplanation(name);
      const pipe = (await pipeline(task, join(EXPLANATIONS, name))) as Pipeline<PipelineName>;
      const access = accessTo(pipe);
      const seen = await access.head.encode(inputOf({ task, ...given }));
      const sequences = seen.sequences.map((one) => ({
        ...one,
        ...(one.asked && { asked: one.asked.slice(asked, asked + 1) }),
      }));
      const parts = REMOVED_PARTS.filter((one) => removal?.[one] !== undefined);
      expect(parts).toContain('words');
      const metric = {
        name: 'logit',
        create: () => {
          let logits: ArrayLike<number> = [];
          return {
            update: (_: unknown, outputs: Record<string, RawTensor>) =>
              void (logits = (outputs['logits'] as RawTensor).data),
            compute: () => ({ logit: logits[given.answer] as number }),
          };
        },
      };
      const scores = access.head.scores as NonNullable<typeof access.head.scores>;
      const test = new RemovalTest<null>(access, scores, metric, { parts, seed: 0 });
      await test.add([{ example: null, seen: { sequences, labels: seen.labels.slice(0, seen.sequences.length) } }]);
      for (const { parts, ranking, first, accuracies } of test.curves()) {
        if (ranking !== 'relevance') continue;
        const expected = removal?.[parts]?.[first].map((logits) => logits[given.answer] as number) ?? [];
        expect(accuracies).toHaveLength(expected.length);
        accuracies.forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 4));
      }
      await pipe.dispose();
    });
  },
);

describe('HeadAccuracyTest', () => {
  test('counts the region that each head attends to most, next to the region that matches most often', () => {
    // One text position and three regions; two heads. Head 0 looks at region 2, head 1 at region 0.
    const rows = [
      [0.1, 0.2, 0.3, 0.4],
      [0.5, 0.3, 0.1, 0.1],
    ];
    const attention = new Float32Array(2 * 4 * 4);
    rows.forEach((row, head) => attention.set(row, head * 16));
    const layer: LayerAttention = { heads: 2, size: 4, attention, gradient: new Float32Array() };
    const test = new HeadAccuracyTest();
    test.add([layer], 1, [
      { position: 0, matches: [2] },
      { position: 0, matches: [0, 1] },
    ]);
    test.add([layer], 1, [
      { position: 0, matches: [1] },
      { position: 0, matches: [] },
    ]);
    expect(test.compute()).toEqual({
      heads: [[0.25, 0.25]],
      best: { layer: 0, head: 0, accuracy: 0.25 },
      baseline: { region: 1, accuracy: 0.5 },
      phrases: 4,
    });
  });
});
