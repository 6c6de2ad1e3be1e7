// Differences from a PyTorch fixture: norms, the largest of many, and parameters after training.
import { expect } from '@jest/globals';
import type { ParityRow } from '../../../bench/report/parity-row.js';
import type { RawTensor } from '../../../src/raw-tensor.js';
import { type Fixture, section } from './fixture.js';
import { type Trained, trainingOf } from './parity-values.js';

/** Losses agree as outputs do. */
const LOSS_TOLERANCE = 1e-5;
/** Largest distance of a parameter after steps at rates up to 1e-5. */
const STEPPED_TOLERANCE = 1e-5;
/** ||difference of updates|| <= this * ||update||, at larger rates. */
const UPDATE_TOLERANCE = 1e-3;

export type Worst = Pick<ParityRow, 'error' | 'worst'>;

export const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number[] =>
  Array.from(a, (x, i) => x - (b[i] as number));
export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((max, x) => Math.max(max, Math.abs(x)), 0);

/** The largest of the errors that `measure` gives, and its name. NaN counts as infinite. */
export function worstOf(names: Iterable<string>, measure: (name: string) => number): Worst {
  let found: Worst = { error: 0, worst: '' };
  for (const name of names) {
    const measured = measure(name);
    const error = Number.isNaN(measured) ? Infinity : measured;
    if (error >= found.error) found = { error, worst: name };
  }
  return found;
}

/** Key biases cancel in the softmax, a multiple-choice bias in the cross-entropy: their gradient is rounding noise alone. */
export const isWithoutGradient = (name: string, className: string): boolean =>
  name.endsWith('attention.self.key.bias') ||
  (className === 'VisualBertForMultipleChoice' && name === 'cls.bias') ||
  (className === 'VisualBertForRegionToPhraseAlignment' && name === 'attention.key.bias');

/**
 * Judges a model that was trained as PyTorch was for the fixture: how far its parameters end from PyTorch's.
 * Fails when a loss differs, or a parameter without a gradient moves further than noise can move it.
 */
export function judgeTraining(fixture: Fixture, { losses, parameters }: Trained): { worst: Worst; tolerance: number } {
  const { class: className } = fixture.meta;
  const { steps, learningRate } = trainingOf(fixture);
  const expectedLosses = (fixture.tensors.get('losses') as RawTensor).data;
  expect(losses).toHaveLength(steps);
  expect(largest(difference(losses, expectedLosses))).toBeLessThan(LOSS_TOLERANCE * largest(expectedLosses));

  const stepped = section(fixture, 'stepped');
  const weights = section(fixture, 'weights');
  const moved = (key: string): number =>
    largest(difference(parameters.get(key) as ArrayLike<number>, (weights.get(key) as RawTensor).data));
  const measure = (key: string): number => {
    const [target, start] = [(stepped.get(key) as RawTensor).data, (weights.get(key) as RawTensor).data];
    const apart = difference(parameters.get(key) as ArrayLike<number>, target);
    if (learningRate <= 1e-5) return largest(apart);
    return largest(apart) === 0 ? 0 : norm(apart) / norm(difference(target, start));
  };
  const [still, trained] = [
    [...stepped.keys()].filter((key) => isWithoutGradient(key, className)),
    [...stepped.keys()].filter((key) => !isWithoutGradient(key, className)),
  ];
  expect(still.filter((key) => moved(key) > steps * learningRate * (1 + 1e-3))).toEqual([]); // by noise, at most the rates
  return { worst: worstOf(trained, measure), tolerance: learningRate <= 1e-5 ? STEPPED_TOLERANCE : UPDATE_TOLERANCE };
}
