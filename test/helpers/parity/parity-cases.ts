// The parity cases: each fixture's model against PyTorch, in outputs, loss, the gradient of each parameter and three AdamW steps.
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ParityRow } from '../../../bench/report/parity-row.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { createTrainingStep as createCompiledStep } from '../../../src/training/step/compiled-step.js';
import { createTrainingStep } from '../../../src/training/step/eager-step.js';
import { type Fixture, section } from './fixture.js';
import { modelOf } from './fixture-model.js';
import { readFixture } from './fixtures.js';
import { difference, isWithoutGradient, judgeTraining, largest, norm, type Worst, worstOf } from './parity.js';
import { reportParity } from './parity-report.js';
import { gradientsOf, type Named, outputsOf, trainAsFixture, type Trained } from './parity-values.js';

/** |a - b| <= this * max(1, max|b|), up to four layers. */
const OUTPUT_TOLERANCE = 1e-5;
/** ||a - b|| <= this * ||b||, plus 1e-7 of the largest gradient norm for gradients that are zero but for rounding. */
const GRADIENT_TOLERANCE = 1e-4;
const GRADIENT_NOISE = 1e-7;

/** A fixture's model, somewhere. */
export interface ParitySubject {
  backend: string;
  outputs(): ReturnType<typeof outputsOf>;
  gradients(): Promise<Named>;
  train(): Promise<Trained>;
  dispose(): Promise<void>;
}

/** Opens the model here, on the backend that `choose` selects and names. Nothing may be left in memory of it. */
export function openHere(choose: () => Promise<{ backend: string }>): (fixture: Fixture) => Promise<ParitySubject> {
  return async (fixture) => {
    const { backend } = await choose();
    const tensorsBefore = tf.memory().numTensors;
    const model = modelOf(fixture);
    return {
      backend,
      outputs: () => outputsOf(model, fixture),
      gradients: () => gradientsOf(model, fixture),
      train: () =>
        trainAsFixture(model, fixture, (options) => createTrainingStep(model, { ...options, compile: false })),
      dispose: async () => {
        model.dispose();
        expect(tf.memory().numTensors).toBe(tensorsBefore);
      },
    };
  };
}

/** Expects the parameters of PyTorch after the compiled steps of a fixture's training. Nothing may be left in memory of the model. */
export async function expectCompiledTraining(name: string): Promise<void> {
  const before = tf.memory().numTensors;
  const fixture = readFixture(name);
  const model = modelOf(fixture);
  const trained = await trainAsFixture(model, fixture, (options) => createCompiledStep(model, options));
  expectWithin(judgeTraining(fixture, trained));
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
}

function expectWithin({ worst, tolerance }: { worst: Worst; tolerance: number }): void {
  expect([worst.worst, worst.error <= tolerance ? 'within' : worst.error]).toEqual([worst.worst, 'within']);
}

/** Declares the tests of fixtures, each of a model that `open` opens. */
export function describeParity(names: readonly string[], open: (fixture: Fixture) => Promise<ParitySubject>): void {
  describe.each(names)('%s', (name) => parityTests(name, open));
}

function parityTests(name: string, open: (fixture: Fixture) => Promise<ParitySubject>): void {
  const fixture = readFixture(name);
  const { class: className, options } = fixture.meta;
  let subject: ParitySubject;
  const report = (compared: ParityRow['compared'], worst: Worst, tolerance: number): void => {
    const { backend } = subject;
    reportParity({ case: name, notes: fixture.meta.notes, class: className, backend, compared, ...worst, tolerance });
    expectWithin({ worst, tolerance });
  };

  beforeAll(async () => {
    subject = await open(fixture);
  });
  afterAll(async () => subject.dispose());

  test('has the outputs of PyTorch, in name, shape and value', async () => {
    const { shapes, values } = await subject.outputs();
    const expected = section(fixture, 'outputs');
    expect(shapes).toEqual(Object.fromEntries([...expected].map(([key, { shape }]) => [key, shape])));
    const measure = (key: string): number => {
      const target = (expected.get(key) as RawTensor).data;
      return largest(difference(values.get(key) as ArrayLike<number>, target)) / Math.max(1, largest(target));
    };
    const isLoss = (key: string): boolean => key === 'loss';
    report(
      'outputs',
      worstOf(
        [...expected.keys()].filter((key) => !isLoss(key)),
        measure,
      ),
      OUTPUT_TOLERANCE,
    );
    if (expected.has('loss')) report('loss', worstOf(['loss'], measure), OUTPUT_TOLERANCE);
  });

  const expectedGradients = section(fixture, 'gradients');
  // A fixture without labels has no gradients, and only some are trained: what PyTorch did not compute is not compared.
  const when = (isThere: boolean): typeof test | (() => void) => (isThere ? test : () => undefined);
  when(expectedGradients.size > 0)('has the gradients of PyTorch, and none where it has none', async () => {
    const gradients = await subject.gradients();
    const zeros = [...gradients].filter(([key, values]) => !expectedGradients.has(key) && largest(values) === 0);
    // a loss over no label is 0 here and NaN there: its parameters then have a gradient of zeros
    const isEmptyLoss = name === 'pretraining-no-label';
    expect(
      [...gradients.keys()].filter((key) => !(isEmptyLoss && zeros.some(([zero]) => zero === key))).sort(),
    ).toEqual([...expectedGradients.keys()].sort());
    const noise = GRADIENT_NOISE * Math.max(...[...expectedGradients.values()].map(({ data }) => norm(data)));
    const measure = (key: string): number => {
      const target = (expectedGradients.get(key) as RawTensor).data;
      const distance = norm(difference(gradients.get(key) as ArrayLike<number>, target));
      // where the true gradient is 0 both sides are noise: PyTorch's alone comes to 0.8 of the allowance, ours to 0.6
      const allowance = isWithoutGradient(key, className) ? 2 * noise : noise;
      return distance <= allowance ? 0 : (distance - allowance) / norm(target);
    };
    report('gradients', worstOf(expectedGradients.keys(), measure), GRADIENT_TOLERANCE);
  });

  when(options.training !== undefined)('has the parameters of PyTorch after three AdamW steps', async () => {
    const { worst, tolerance } = judgeTraining(fixture, await subject.train());
    report('parameters after 3 steps', worst, tolerance);
  });
}
