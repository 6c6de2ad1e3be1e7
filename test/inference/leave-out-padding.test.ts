// Batches without padding: their rows by hand, and models that run on them against padded ones.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createForwardPass } from '../../src/inference/open-forward-pass.js';
import { leaveOutPadding, takeRagged } from '../../src/inference/leave-out-padding.js';
import type { ModelInputs } from '../../src/models/inputs/inputs.js';
import type { VisualBertConfigOptions } from '../../src/config/config.js';
import type { RawTensor, RawTensors } from '../../src/raw-tensor.js';
import { uniformValues } from '../../src/random/values.js';
import { useBackend } from '../helpers/backend.js';
import { type ModelName, tinyModel } from '../helpers/models/tiny-model.js';

let hasEngine = false;
beforeAll(async () => {
  hasEngine = (await useBackend()).backend === 'tensorflow';
});

const int32 = (rows: readonly (readonly number[])[]): RawTensor => ({
  dtype: 'int32',
  shape: [rows.length, rows[0]?.length ?? 0],
  data: Int32Array.from(rows.flat()),
});

/** Three texts of up to 8 tokens and 4 regions each. */
function batch(
  text: number[][],
  regions: number[][] = [
    [1, 0, 1, 0],
    [1, 1, 1, 1],
    [0, 0, 1, 1],
  ],
): RawTensors {
  const padded = text.map((row) => [...row, ...Array<number>(8 - row.length).fill(0)]);
  return {
    inputIds: int32(padded.map((row) => row.map((_, i) => i + 1))),
    attentionMask: int32(padded),
    visualEmbeds: { dtype: 'float32', shape: [3, 4, 8], data: uniformValues(96, 0, 0, 1) },
    visualAttentionMask: int32(regions),
  };
}

const short = [
  [1, 1],
  [1, 1, 1],
  [1, 1],
];

describe('a batch without padding', () => {
  test('has the tokens and regions of each example one after another', () => {
    const inputs = batch(short);
    const { raggedRows, raggedPlaces, raggedSplits, ...rest } = leaveOutPadding(inputs);
    expect(rest).toEqual(inputs);
    const rows = [0, 1, 8, 10, 12, 13, 14, 20, 21, 22, 23, 24, 25, 34, 35];
    expect([...(raggedRows?.data ?? [])]).toEqual([...rows, ...Array<number>(21).fill(0)]);
    expect([...(raggedSplits?.data ?? [])]).toEqual([0, 4, 11, 15]);
    expect(rows.map((row) => raggedPlaces?.data[row])).toEqual(rows.map((_, place) => place));
    expect(raggedPlaces?.shape).toEqual([36]);
  });

  test.each([
    [
      'a text has a gap',
      batch([
        [1, 0, 1],
        [1, 1],
        [1, 1],
      ]),
    ],
    [
      'a first token is masked',
      batch([
        [0, 0],
        [1, 1],
        [1, 1],
      ]),
    ],
    [
      'a position to predict is padding',
      {
        ...batch(short),
        maskedPositions: int32([
          [1, 2],
          [1, -100],
          [1, 0],
        ]),
      },
    ],
  ])('stays padded where %s', (_, inputs) => {
    expect(leaveOutPadding(inputs)).toBe(inputs);
  });

  test('has positions to predict that are unused', () => {
    const inputs = {
      ...batch(short),
      maskedPositions: int32([
        [1, -100],
        [2, 10],
        [0, 1],
      ]),
    };
    expect(Object.keys(leaveOutPadding(inputs))).toContain('raggedRows');
  });

  test('is left as it is by takeRagged where it is padded', () => {
    expect(takeRagged({})).toEqual({ inputs: {}, ragged: undefined });
  });
});

/** Inputs of a class, of whose rows less than half are tokens. */
function mostlyPadding(name: ModelName): ModelInputs {
  const inputs = batch(short);
  if (name === 'VisualBertForPreTraining')
    return {
      ...inputs,
      maskedPositions: int32([
        [1, -100],
        [2, 1],
        [0, 1],
      ]),
    } as ModelInputs;
  if (name === 'VisualBertForRegionToPhraseAlignment')
    return { ...inputs, regionToPhrasePosition: int32([[1], [2], [0]]) } as ModelInputs;
  if (name !== 'VisualBertForMultipleChoice') return inputs as ModelInputs;
  const choices = Object.entries(inputs).map(
    ([
      key,
      {
        shape: [, ...rest],
        ...tensor
      },
    ]) => [key, { ...tensor, shape: [1, 3, ...rest] }],
  );
  return Object.fromEntries(choices) as ModelInputs;
}

describe('a compiled forward pass', () => {
  const QA = 'VisualBertForQuestionAnswering';
  test.each<[ModelName, boolean, ModelInputs, VisualBertConfigOptions]>([
    [QA, true, {}, {}],
    ['VisualBertForVisualReasoning', true, {}, {}],
    ['VisualBertForMultipleChoice', true, {}, {}],
    ['VisualBertForPreTraining', true, {}, {}],
    [QA, true, {}, { prunedHeads: { 0: [1, 2], 1: [0] } }],
    [QA, false, { outputAttentions: true }, {}],
    [QA, false, { outputHiddenStates: true }, {}],
    [QA, false, { headMask: [1, 0, 1, 1] }, {}],
    [QA, false, {}, { bypassTransformer: true }],
    [QA, false, {}, { outputAttentions: true }],
    ['VisualBertModel', false, {}, {}],
    ['VisualBertForRegionToPhraseAlignment', false, {}, {}],
  ])(
    'of %s leaves out padding: %s (%j, %j), and equals the padded eager one',
    async (name, leavesOut, flags, config) => {
      if (!hasEngine) return;
      const model = tinyModel(name, config);
      const inputs = { ...mostlyPadding(name), ...flags };
      const eager = await createForwardPass(model, { compile: false });
      const expected = await eager.outputs(inputs);
      const ragged: boolean[] = [];
      const compute = model.compute.bind(model);
      model.compute = (given, context) => {
        ragged.push(context.ragged !== undefined);
        return compute(given, context);
      };
      const compiled = await createForwardPass(model, { compile: true });
      const received = await compiled.outputs(inputs);
      expect(ragged).toEqual([leavesOut]);
      expect(Object.keys(received).sort()).toEqual(Object.keys(expected).sort());
      for (const [output, { shape, data }] of Object.entries(expected)) {
        expect(received[output]?.shape).toEqual(shape);
        data.forEach((value, i) => expect(Math.abs((received[output]?.data[i] ?? NaN) - value)).toBeLessThan(1e-5));
      }
      await compiled.dispose();
      await eager.dispose();
      model.dispose();
    },
  );
});
