// The paths that a run stores, from another folder than the one in which its training was started.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { dataFromStart, fromStart, requireStoredPaths } from '../../src/runs/stored-paths.js';
import { ConfigError } from '../../src/errors.js';

const start = realpathSync(mkdtempSync(join(tmpdir(), 'start-')));
mkdirSync(join(start, 'data'));
for (const name of ['q.json', 'real']) writeFileSync(join(start, 'data', name), '[]');
writeFileSync(join(start, 'real'), '');
afterAll(() => rmSync(start, { recursive: true, force: true }));

describe('a relative path', () => {
  test('that is not there begins at the folder in which training was started', async () => {
    expect(await fromStart('data/q.json', start)).toBe(join(start, 'data', 'q.json'));
  });

  test.each(['package.json', 'data/gone.json', '/abs/q.json', 'https://example.org/q.json'])(
    '%s is kept: here, nowhere, absolute, an address',
    async (path) => {
      expect(await fromStart(path, start)).toBe(path);
    },
  );

  test('is kept in runs of earlier versions, and where there is none', async () => {
    expect(await fromStart('data/q.json', undefined)).toBe('data/q.json');
    expect(await fromStart(null, start)).toBeNull();
  });
});

test('of the options those with paths are found, alone or in lists', async () => {
  const data = { questions: ['data/q.json'], validationFeatures: 'data', regions: 'real', maxRegions: 3 };
  expect(await dataFromStart(data, start)).toEqual({
    ...{ questions: [join(start, 'data', 'q.json')], validationFeatures: join(start, 'data') },
    ...{ regions: 'real', maxRegions: 3 },
  });
});

test('a file of a run that is not there is named with its option and what to do', async () => {
  await expect(requireStoredPaths('runs/a', { questions: ['gone.json'], regions: 'real' })).rejects.toThrow(
    new ConfigError(
      'gone.json: no such file or folder; the run runs/a names it as `questions`: start the command in the folder in which training was started, or give `questions`',
    ),
  );
  await expect(requireStoredPaths('runs/a', { features: '/gone' })).rejects.toThrow(/: give `features`$/);
  await requireStoredPaths('runs/a', { questions: [join(start, 'data', 'q.json')], answers: undefined });
});
