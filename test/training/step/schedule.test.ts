import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { createSchedule, type ScheduleName } from '../../../src/training/step/schedule.js';
import { createParameterGroups } from '../../../src/training/step/parameter-groups.js';

interface Fixture {
  options: { learningRate: number; warmupSteps: number; totalSteps: number };
  rates: Record<'linear' | 'cosine', number[]>;
}

const fixture = JSON.parse(readFileSync('test/fixtures/training/optimizer.json', 'utf8')) as Fixture;

describe('createSchedule', () => {
  test.each(['linear', 'cosine'] as const)('gives the rates of transformers: %s', (schedule) => {
    const rate = createSchedule({ schedule, ...fixture.options });
    const steps = fixture.rates[schedule].slice(0, fixture.options.totalSteps + 1);
    steps.forEach((expected, step) => expect(rate(step)).toBeCloseTo(expected, 12));
  });

  test('is 0 from the last step on, also when all steps are warmup', () => {
    for (const schedule of ['linear', 'cosine'] as ScheduleName[]) {
      const rate = createSchedule({ schedule, learningRate: 1, warmupSteps: 4, totalSteps: 4 });
      expect([3, 4, 5].map(rate)).toEqual([0.75, 0, 0]);
    }
  });

  test('stays at 0 behind the last step', () => {
    for (const schedule of ['linear', 'cosine'] as ScheduleName[]) {
      expect(createSchedule({ schedule, ...fixture.options })(99)).toBeCloseTo(0, 12);
    }
  });

  test('asks for totalSteps when it decays', () => {
    expect(() => createSchedule({ schedule: 'linear', learningRate: 1, warmupSteps: 0 })).toThrow(/totalSteps/);
    expect(createSchedule({ schedule: 'constant', learningRate: 2, warmupSteps: 4 })(1)).toBe(0.5);
  });
});

describe('createParameterGroups', () => {
  const names = [
    'visual_bert.embeddings.word_embeddings.weight',
    'visual_bert.embeddings.LayerNorm.weight',
    'visual_bert.encoder.layer.0.attention.self.query.weight',
    'visual_bert.encoder.layer.0.attention.self.query.bias',
    'visual_bert.encoder.layer.1.output.LayerNorm.weight',
    'cls.weight',
  ];

  test('decays neither biases nor layer norms, and decays embeddings', () => {
    const groups = createParameterGroups(names, { weightDecay: 0.01, layerDecay: 1, freeze: [] });
    expect(names.map((name) => groups.get(name)?.decay)).toEqual([0.01, 0, 0.01, 0, 0, 0.01]);
  });

  test('lowers the rate layer by layer down to the embeddings', () => {
    const groups = createParameterGroups(names, { weightDecay: 0, layerDecay: 0.5, freeze: [] });
    expect(names.map((name) => groups.get(name)?.rateFactor)).toEqual([0.125, 0.125, 0.25, 0.25, 0.5, 1]);
  });
});
