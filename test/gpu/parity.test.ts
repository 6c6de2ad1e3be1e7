// Every class against PyTorch on an NVIDIA card: outputs, gradients and AdamW steps, eager and compiled, in fp32, bf16 and fp16. XLA compiles the
// recorded steps where TF_XLA_FLAGS=--tf_xla_auto_jit=2 is set: `npm run gpu-report` runs the tier with it and without.
import { describe, expect, test } from '@jest/globals';
import { selectBackend } from '../../src/engine/select-backend.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { createTrainingStep } from '../../src/training/step/compiled-step.js';
import { modelOf } from '../helpers/parity/fixture-model.js';
import { section } from '../helpers/parity/fixture.js';
import { fixtureNames, readFixture, trainedNames } from '../helpers/parity/fixtures.js';
import { describeParity, expectCompiledTraining, openHere } from '../helpers/parity/parity-cases.js';
import { difference, largest } from '../helpers/parity/parity.js';

const choose = (): ReturnType<typeof selectBackend> => selectBackend({ device: 'gpu' });
await choose();
const trained = trainedNames();

describe('eager', () => describeParity(fixtureNames(), openHere(choose)));

describe('the compiled step', () => {
  test.each(trained)('in fp32 has the parameters of PyTorch after three steps: %s', expectCompiledTraining);

  // Factors of a product are rounded to 8 bits of mantissa (bf16) or 11 (fp16), and a few of them follow one another.
  const LOW = { bf16: 2 ** -6, fp16: 2 ** -9 } as const;
  test.each(trained.flatMap((name) => (['bf16', 'fp16'] as const).map((precision) => ({ name, precision }))))(
    'in $precision has the losses of PyTorch in fp32, as far as its factors have: $name',
    async ({ name, precision }) => {
      const fixture = readFixture(name);
      const model = modelOf(fixture);
      const { steps, ...options } = fixture.meta.options.training ?? { steps: 0, learningRate: 0 };
      const step = await createTrainingStep(model, { ...options, precision });
      const inputs = Object.fromEntries(section(fixture, 'inputs'));
      const losses: number[] = [];
      for (let i = 0; i < steps; i++) losses.push((await step.run(inputs)).loss);
      const expected = (fixture.tensors.get('losses') as RawTensor).data;
      expect(largest(difference(losses, expected))).toBeLessThan(LOW[precision] * largest(expected));
      await step.dispose();
      model.dispose();
    },
  );
});
