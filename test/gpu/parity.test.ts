// Every class against PyTorch on an NVIDIA card, or in a rehearsal without one: outputs, gradients and AdamW steps, eager and compiled, in fp32,
// bf16 and fp16. XLA compiles the recorded steps where TF_XLA_FLAGS=--tf_xla_auto_jit=2 is set: `npm run gpu-report` runs the tier with it and without.
import { describe, expect, test } from '@jest/globals';
import type { RawTensor } from '../../src/raw-tensor.js';
import { createTrainingStep } from '../../src/training/step/compiled-step.js';
import { selectCard } from '../helpers/machine/card.js';
import { modelOf } from '../helpers/parity/fixture-model.js';
import { section } from '../helpers/parity/fixture.js';
import { fixtureNames, readFixture, trainedNames } from '../helpers/parity/fixtures.js';
import { describeParity, expectCompiledTraining, openHere } from '../helpers/parity/parity-cases.js';
import { difference, largest } from '../helpers/parity/parity.js';

await selectCard();
const trained = trainedNames();

describe('eager', () => describeParity(fixtureNames(), openHere(selectCard)));

describe('the compiled step', () => {
  test.each(trained)('in fp32 has the parameters of PyTorch after three steps: %s', expectCompiledTraining);

  // Factors of a product are rounded to 8 bits of mantissa (bf16) or 11 (fp16), and AdamW's first updates have the size of the rate, whatever that of the
  // gradient: where rounding turns its sign, the update turns too.
  const LOW = { bf16: 2 ** -4, fp16: 2 ** -7 } as const;
  test.each(trained.flatMap((name) => (['bf16', 'fp16'] as const).map((precision) => ({ name, precision }))))(
    'in $precision has the losses of PyTorch in fp32, as far as its factors have: $name',
    async ({ name, precision }) => {
      const fixture = readFixture(name);
      const model = modelOf(fixture);
      const { steps, ...options } = fixture.meta.options.training ?? { steps: 0, learningRate: 0 };
      const step = await createTrainingStep(model, { ...options, precision });
      const inputs = Object.fromEntries(section(fixture, 'inputs'));
      const losses: number[] = [];
      while (losses.length < steps) {
        const { loss, gradientNorm } = await step.run(inputs);
        // Gradients of fp16 overflow at the first loss scales; such an update changes nothing but the scale.
        if (precision === 'bf16' || Number.isFinite(gradientNorm)) losses.push(loss);
      }
      const expected = (fixture.tensors.get('losses') as RawTensor).data;
      expect(largest(difference(losses, expected))).toBeLessThan(LOW[precision] * largest(expected));
      await step.dispose();
      model.dispose();
    },
  );
});
