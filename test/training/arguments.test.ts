// The arguments of a run: given and stored in one object, used with those of the step apart.
import { describe, expect, test } from '@jest/globals';
import {
  argumentRole,
  flatTrainingArguments,
  resolveTrainingArguments,
  stepOptionsOf,
  TRAINING_ARGUMENTS,
} from '../../src/training/arguments.js';
import { STEP_OPTIONS } from '../../src/training/step/options.js';
import { useBackend } from '../helpers/backend.js';

describe('the arguments of a run', () => {
  test('hold those of the step apart, each argument in one place', () => {
    const { step, ...own } = resolveTrainingArguments({ outputDir: 'a', epochs: 2, learningRate: 1e-3, seed: 3 });
    expect(own).toMatchObject({ outputDir: 'a', epochs: 2, seed: 3, batchSize: 32 });
    expect(step).toMatchObject({ learningRate: 1e-3, optimizer: 'adamw', schedule: 'linear', weightDecay: 0.01 });
    expect(Object.keys(own).filter((name) => name in step)).toEqual([]);
    expect(Object.keys(step).filter((name) => !(name in STEP_OPTIONS))).toEqual([]);
  });

  test('are stored in one object, in the order of help and docs, and read back as they were', () => {
    for (const given of [{}, { maxGradNorm: 0 }, { warmupSteps: 5, compile: false, freeze: ['a.*'], emaDecay: 0.5 }]) {
      const resolved = resolveTrainingArguments({ outputDir: 'a', ...given });
      const stored = flatTrainingArguments(resolved);
      expect(stored).toMatchObject({ outputDir: 'a', ...given });
      expect(Object.keys(stored)).toEqual(Object.keys(TRAINING_ARGUMENTS).filter((name) => name in stored));
      expect(resolveTrainingArguments(JSON.parse(JSON.stringify(stored)))).toEqual(resolved);
    }
  });

  test.each([0, Infinity, null])('have no bound of the gradient norm for %d, which is stored as 0', (maxGradNorm) => {
    const resolved = resolveTrainingArguments({ outputDir: 'a', maxGradNorm });
    expect(resolved.step.maxGradNorm).toBeNull();
    expect(flatTrainingArguments(resolved)).toMatchObject({ maxGradNorm: 0 });
  });

  test('are refused with a hint when a number of a config file is in quotes', () => {
    expect(() => resolveTrainingArguments({ outputDir: 'a', saveEvery: '10' })).toThrow(
      'saveEvery: expected epoch, never or a whole number above 0, received "10"; write 10 without quotes',
    );
    expect(() => resolveTrainingArguments({ outputDir: 'a', saveEvery: 'day' })).toThrow(/above 0, received "day"$/);
  });

  test('state which of them may vary between starts and workers', () => {
    const namesWith = (role: keyof ReturnType<typeof argumentRole>): string[] =>
      Object.keys(TRAINING_ARGUMENTS).filter((name) => argumentRole(name)[role] === true);
    const ofWorkers = ['outputDir', 'keepCheckpoints', 'patience', 'logEvery', 'histograms', 'resume'];
    expect(namesWith('variesByWorker')).toEqual(ofWorkers);
    expect(namesWith('variesByStart').sort()).toEqual([...ofWorkers, 'saveEvery', 'stopAfter'].sort());
    expect(namesWith('isOfOneStart')).toEqual(['stopAfter']);
    expect(argumentRole('hiddenSize')).toEqual({});
  });

  test('give the step its warmup, its seed and the end of its schedule', async () => {
    await useBackend();
    const optionsOf = (given: object): object =>
      stepOptionsOf(resolveTrainingArguments({ outputDir: 'a', seed: 3, compile: false, ...given }), 25);
    expect(optionsOf({})).toMatchObject({ totalSteps: 25, warmupSteps: 3, seed: 3, compile: false });
    expect(optionsOf({ warmupRatio: 0.5 })).toMatchObject({ warmupSteps: 13 });
    expect(optionsOf({ warmupSteps: 0 })).toMatchObject({ warmupSteps: 0 });
  });
});
