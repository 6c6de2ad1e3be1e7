// docs/settings.md equals the page generated from the schemas.
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { settingsPage } from '../../scripts/settings-page.js';

test('docs/settings.md is the page that the schemas make (node tools/write-settings-page.mjs writes it)', () => {
  expect(readFileSync('docs/settings.md', 'utf8')).toBe(settingsPage());
});

test('states flag, name, default and meaning of a setting', () => {
  const page = settingsPage();
  expect(page).toContain(
    '| `--weight-decay` | `weightDecay` | `0.01` | weight decay, except for biases and layer norms |',
  );
  expect(page).toContain('| `--output-dir` | `outputDir` | required |');
  expect(page).toContain('## Data of `vqa`, `vqa-pretraining`');
});
