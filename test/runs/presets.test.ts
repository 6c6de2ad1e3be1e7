// Every preset in configs/ is accepted by training.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { TASK_OPTIONS } from '../../src/tasks/shared/options.js';
import { readSettings, sortSettings } from '../../src/runs/settings.js';
import { resolveTrainingArguments } from '../../src/training/arguments.js';

const presets = readdirSync('configs').filter((name) => name.endsWith('.json'));

describe('presets', () => {
  test('exist for every phase of the paper and its successors', () => {
    expect(presets.length).toBeGreaterThanOrEqual(27);
  });

  for (const name of presets) {
    test(`${name} is accepted and documents its command, score and cost`, async () => {
      const path = join('configs', name);
      const { task, arguments: training, data, model } = sortSettings(await readSettings(path));
      expect(resolveTrainingArguments(training).step.learningRate).toBeGreaterThan(0);
      expect(model).not.toBeNull();
      const shape = TASK_OPTIONS[task].shape as Record<string, { safeParse(value: unknown): { success: boolean } }>;
      for (const [key, value] of Object.entries(data))
        expect([key, shape[key]?.safeParse(value).success]).toEqual([key, true]);
      const text = readFileSync(path, 'utf8');
      expect(text).toContain(`visualbert train ${task} --config configs/${name} `);
      expect(text).toMatch(
        /\/\/ Expected \(published\): .*\n\/\/ Time and memory: estimated, not run: .* (hours|days) .* GB;/,
      );
      // Every flag of the command is an option of the task.
      const flags = [...(/\/\/ Run: (.*)/.exec(text)?.[1] ?? '').matchAll(/--([a-z-]+)/g)].map(
        (match) => match[1] ?? '',
      );
      const options = Object.keys(shape).map((key) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
      expect(flags.filter((flag) => flag !== 'config' && !options.includes(flag))).toEqual([]);
    });
  }
});
