// The parity cases: each fixture's model against PyTorch, in outputs, loss, the gradient of each parameter and three AdamW steps.
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ParityRow } from '../../bench/report/parity-row.js';
import type { ModelInputs } from '../../src/models/inputs.js';
import type { ModelOutputs } from '../../src/models/outputs.js';
import type { VisualBertPreTrainedModel } from '../../src/models/pretrained-model.js';
import { valueAndGradients } from '../../src/models/value-and-gradients.js';
import type { RawTensor } from '../../src/raw-tensor.js';
import { createTrainingStep } from '../../src/training/step/eager-step.js';
import { inputsOf, modelOf } from './fixture-model.js';
import { readFixture, section, type Fixture } from './fixtures.js';
import {
  difference,
  isWithoutGradient,
  largest,
  type Named,
  norm,
  read,
  trainAsFixture,
  type Worst,
  worstOf,
} from './parity.js';
import { reportParity } from './parity-report.js';

/** |a - b| <= this * max(1, max|b|), up to four layers. */
const OUTPUT_TOLERANCE = 1e-5;
/** ||a - b|| <= this * ||b||, plus 1e-7 of the largest gradient norm for gradients that are zero but for rounding. */
const GRADIENT_TOLERANCE = 1e-4;
const GRADIENT_NOISE = 1e-7;
function flat(outputs: ModelOutputs): Map<string, tf.Tensor> {
  return new Map(
    Object.entries(outputs as Record<string, tf.Tensor | tf.Tensor[]>).flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((tensor, i): [string, tf.Tensor] => [`${name}.${i}`, tensor]) : [[name, value]],
    ),
  );
}

/** Gradients of sum(output * cotangent), for cases without a loss. */
function cotangentGradients(
  model: VisualBertPreTrainedModel,
  inputs: ModelInputs,
  cotangents: ReadonlyMap<string, RawTensor>,
): Map<string, tf.Tensor> {
  const named = [...model.namedParameters()];
  const grads = tf.tidy(() => {
    const tensors = model.prepare(inputs);
    return tf.variableGrads(
      () => {
        const outputs = flat(model.compute(tensors, { training: false, dropoutKey: null }));
        const terms = [...cotangents].map(([name, { data, shape }]) =>
          tf.sum(tf.mul(outputs.get(name) as tf.Tensor, tf.tensor(data, shape))),
        );
        return tf.addN(terms) as tf.Scalar;
      },
      named.map(([, variable]) => variable),
    ).grads;
  });
  return new Map(
    named.flatMap(([name, { name: key }]): [string, tf.Tensor][] => (grads[key] ? [[name, grads[key]]] : [])),
  );
}

async function gradientsOf(model: VisualBertPreTrainedModel, fixture: Fixture): Promise<Named> {
  const inputs = inputsOf(fixture);
  const cotangents = section(fixture, 'cotangents');
  const gradients =
    cotangents.size > 0
      ? cotangentGradients(model, inputs, cotangents)
      : (await valueAndGradients(model, inputs)).gradients;
  const values = await read(gradients);
  tf.dispose([...gradients.values()]);
  return values;
}

/**
 * Declares the tests of fixtures.
 * @param choose selects the backend and names it.
 */
export function describeParity(names: readonly string[], choose: () => Promise<{ backend: string }>): void {
  describe.each(names)('%s', (name) => parityTests(name, choose));
}

function parityTests(name: string, choose: () => Promise<{ backend: string }>): void {
  const fixture = readFixture(name);
  const { class: className, options } = fixture.meta;
  let model: VisualBertPreTrainedModel;
  let tensorsBefore: number;
  let backend: string;
  const report = (compared: ParityRow['compared'], worst: Worst, tolerance: number): void => {
    reportParity({ case: name, notes: fixture.meta.notes, class: className, backend, compared, ...worst, tolerance });
    expect([worst.worst, worst.error <= tolerance ? 'within' : worst.error]).toEqual([worst.worst, 'within']);
  };

  beforeAll(async () => {
    ({ backend } = await choose());
    tensorsBefore = tf.memory().numTensors;
    model = modelOf(fixture);
  });
  afterAll(() => {
    model.dispose();
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });

  test('has the outputs of PyTorch, in name, shape and value', async () => {
    const outputs = model.forward(inputsOf(fixture));
    const received = flat(outputs);
    const expected = section(fixture, 'outputs');
    const shapes = (named: ReadonlyMap<string, { shape: number[] }>): object =>
      Object.fromEntries([...named].map(([key, { shape }]) => [key, shape]));
    expect(shapes(received)).toEqual(shapes(expected));
    const values = await read(received);
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
    tf.dispose([...received.values()]);
  });

  const expectedGradients = section(fixture, 'gradients');
  // A fixture without labels has no gradients, and only some are trained: what PyTorch did not compute is not compared.
  const when = (isThere: boolean): typeof test | (() => void) => (isThere ? test : () => undefined);
  when(expectedGradients.size > 0)('has the gradients of PyTorch, and none where it has none', async () => {
    const gradients = await gradientsOf(model, fixture);
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
    const { worst, tolerance } = await trainAsFixture(model, fixture, (given) =>
      createTrainingStep(model, { ...given, compile: false }),
    );
    report('parameters after 3 steps', worst, tolerance);
  });
}
