// Settings of a run: sorted by part, checked, and read back from run.json.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { ConfigError } from '../../src/errors.js';
import { readRun, readSettings, sortSettings } from '../../src/runs/settings.js';
import { roleOf } from '../../src/options.js';
import { ALL_TASK_OPTIONS, optionRole, TASK_OPTIONS } from '../../src/tasks/shared/options.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const folder = temporaryFolder();

describe('sortSettings', () => {
  test('puts each setting where it belongs', () => {
    const given = { task: 'nlvr', model: 'm', data: 'a.json', batchSize: 4 };
    expect(sortSettings(given)).toEqual({
      task: 'nlvr',
      model: 'm',
      data: { data: 'a.json' },
      arguments: { batchSize: 4 },
    });
  });

  test.each([
    [{ task: 'nope' }, /task: expected one of vqa, nlvr.*received nope/],
    [{ task: 'nlvr', modle: 'm' }, /unknown setting modle for task nlvr; known: task, model, modelConfig, data/],
    [{ task: 'nlvr', model: 5 }, /model: expected a folder or hub id, received 5/],
    [{ task: 'nlvr', model: '' }, /model: expected a folder or hub id, received ""/],
    [
      { task: 'nlvr', modelConfig: 7 },
      /modelConfig: expected fields of VisualBertConfig or a JSON file of them, received 7/,
    ],
    [{ task: 'nlvr', modelConfig: [] }, /modelConfig: expected fields of VisualBertConfig/],
  ])('refuses %j', (given, message) => {
    expect(() => sortSettings(given)).toThrow(message);
  });
});

describe('readRun', () => {
  test.each([
    ['null', /run.json: expected a JSON object of settings, received null/],
    ['{', /run.json: is not JSON \(/],
    ['\u007fELF', /run.json: expected JSON, found "\u007fELF"; check the path/],
    ['', /run.json: expected JSON, found nothing, the file is empty; check the path/],
    [
      '{}',
      /run.json: task: expected one of vqa, nlvr.*, received none; data: expected the options of a task, received none; arguments: /,
    ],
    [
      '{"task":"nlvr","data":3,"arguments":[]}',
      /run.json: data: expected the options of a task, received 3; arguments: expected the arguments of a run, received \[\]$/,
    ],
    [
      '{"task":"nlvr","data":{},"arguments":{"outputDir":"a","learningRate":"much","freeze":[7]}}',
      /run.json: arguments.learningRate: expected a number of at least 0, received "much"; arguments.freeze.0: expected a name/,
    ],
  ])('says what is wrong with a run.json that holds %s', async (text, message) => {
    writeFileSync(join(folder, 'run.json'), text);
    await expect(readRun(folder)).rejects.toThrow(message);
  });

  test('reports a folder that does not exist or contains no run, and names runs next to it', async () => {
    const runs = temporaryFolder();
    const made = 'expected one that `visualbert train --output-dir FOLDER` made';
    await expect(readRun(join(runs, 'a'))).rejects.toThrow(
      new ConfigError(`${join(runs, 'a')}: no such folder; ${made}`),
    );
    mkdirSync(join(runs, 'b'));
    writeFileSync(join(runs, 'b', 'run.json'), '{}');
    const there = `; there is ${join(runs, 'b')}`;
    await expect(readRun(join(runs, 'a'))).rejects.toThrow(`no such folder; ${made}${there}`);
    await expect(readRun(runs)).rejects.toThrow(`${runs}: the folder holds no run (run.json); ${made}${there}`);
  });

  test('reads a run of an earlier version: without newer arguments, with one that is gone', async () => {
    const given = { outputDir: 'a', learningRate: 1e-3, maxGradNorm: 0, gone: 1 };
    const run = { task: 'nlvr', model: null, data: { data: ['a.json'] }, arguments: given, environment: {} };
    writeFileSync(join(folder, 'run.json'), JSON.stringify(run));
    const read = await readRun(folder);
    expect(read).toMatchObject({ task: 'nlvr', model: null, data: { data: ['a.json'] } });
    expect(read.arguments).toMatchObject({ outputDir: 'a', learningRate: 1e-3, maxGradNorm: null, batchSize: 32 });
    expect(() => sortSettings({ task: 'nlvr', ...read.arguments })).toThrow('unknown setting gone for task nlvr');
  });

  test('reads settings with comments', async () => {
    const path = join(folder, 'settings.json');
    writeFileSync(path, '// a preset\n{\n  // its task\n  "task": "nlvr"\n}\n');
    expect(await readSettings(path)).toEqual({ task: 'nlvr' });
  });
});

test('the options of every task state which may vary between starts, and which a run folder stores', () => {
  const namesWith = (role: keyof ReturnType<typeof optionRole>): string[] =>
    Object.keys(ALL_TASK_OPTIONS).filter((name) => optionRole(name)[role] === true);
  expect(namesWith('variesByStart').sort()).toEqual(['cacheMb', 'entities', 'features']);
  expect(namesWith('isStoredInRun').sort()).toEqual(['answers', 'vocabulary']);
  const paths = namesWith('isPath').map((name) => optionRole(name).validates ?? name);
  expect([...new Set(paths)].sort()).toEqual([
    'annotations',
    'answers',
    'captions',
    'data',
    'entities',
    'features',
    'questions',
    'split',
    'vocabulary',
  ]);
  for (const { shape } of Object.values(TASK_OPTIONS)) {
    for (const [name, option] of Object.entries(shape))
      expect({ ...roleOf(option), description: '' }).toEqual({ ...optionRole(name), description: '' });
  }
});
