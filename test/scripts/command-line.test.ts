// What a person reads who types something wrong: one line in the words of the flags, with the nearest one.
import { existsSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import { errorText, usageText } from '../../scripts/command-line.js';
import { resolveTrainingArguments } from '../../src/training/arguments.js';
import { ConfigError, OptionsError } from '../../src/node.js';
import { COMMAND, visualbert } from './command.js';

const known = { command: 'visualbert train vqa', flags: ['learning-rate', 'epochs'], commands: ['vqa', 'nlvr2'] };

describe('a command line that yargs refuses', () => {
  test.each([
    [
      'Unknown argument: lerning-rate',
      'unknown flag --lerning-rate, did you mean --learning-rate?; `visualbert train vqa --help` lists the flags',
    ],
    [
      'Unknown arguments: lerningRate, lerning-rate',
      'unknown flag --lerning-rate, did you mean --learning-rate?; `visualbert train vqa --help` lists the flags',
    ],
    ['Unknown argument: color', 'unknown flag --color; `visualbert train vqa --help` lists the flags'],
    [
      'Missing required arguments: data, output',
      'expected --data and --output; `visualbert train vqa --help` lists the flags',
    ],
    [
      'Not enough arguments following: epochs',
      '--epochs: expected a value, received none; `visualbert train vqa --help` lists the flags',
    ],
    [
      'Invalid values:\n  Argument: precision, Given: "fp8", Choices: "fp32", "bf16"',
      '--precision: expected one of "fp32", "bf16", received "fp8"; `visualbert train vqa --help` lists the flags',
    ],
    ['Name a task.', 'Name a task.'],
  ])('%s', (message, text) => {
    expect(usageText(message, known)).toBe(text);
  });
});

describe('an error of the library', () => {
  test('names settings by their flags, and nothing else', () => {
    let thrown: unknown;
    try {
      resolveTrainingArguments({ outputDir: '', learningRate: -1 });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(OptionsError);
    expect(errorText(thrown)).toBe(
      '--output-dir: expected a folder, received ""; --learning-rate: expected a number of at least 0, received -1',
    );
    expect(errorText(new ConfigError('set captionPairs to false in "batchSize"; visualEmbeddingDim stays'))).toBe(
      'set --caption-pairs to false in "batchSize"; visualEmbeddingDim stays',
    );
  });

  test('says what the system says of a path, and asks to report faults of the program', () => {
    const missing = Object.assign(new Error("ENOENT: no such file or directory, stat '/a'"), {
      code: 'ENOENT',
      path: '/a',
    });
    expect(errorText(missing)).toBe('/a: no such file or folder');
    expect(errorText(new TypeError('x is not a function'))).toMatch(
      /^x is not a function\. This is a fault of visualbert-tfjs: .*--debug/,
    );
  });
});

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

(isBuilt ? describe : describe.skip)('the command', () => {
  jest.setTimeout(120_000);

  test('says in one line what is wrong, and shows the stack on demand', async () => {
    const flag = await visualbert(['evaluate', '--quesions', 'q.json']);
    expect(flag).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'unknown flag --quesions, did you mean --questions?; `visualbert evaluate --help` lists the flags\n',
    });
    const task = await visualbert(['evaluate', 'nvlr2']);
    expect(task.stderr).toBe(
      'unknown command nvlr2, did you mean nlvr2?; `visualbert evaluate --help` lists the commands\n',
    );
    const run = ['evaluate', '--backend', 'cpu', '--run', 'nowhere'];
    expect((await visualbert(run)).stderr.trim().split('\n')).toHaveLength(1);
    expect((await visualbert([...run, '--debug'])).stderr).toMatch(/\n\s+at .*readRun/);
  });

  test('shows the options of one task, and of all grouped by task', async () => {
    const one = await visualbert(['evaluate', 'nlvr2', '--help']);
    expect(one.stdout).toMatch(/--data /);
    expect(one.stdout).not.toMatch(/--questions|--entities|--validation-/);
    const all = await visualbert(['predict', '--help']);
    expect(all.stdout).toMatch(/\nData of flickr, flickr-pretraining:\n {2}--entities/);
    expect(all.stdout).toMatch(/Examples:/);
  });

  test('prints a script for completion, and completes flags', async () => {
    expect((await visualbert(['completion'])).stdout).toMatch(/visualbert/);
    expect((await visualbert(['--get-yargs-completions', 'visualbert', 'train', 'vqa', '--learning'])).stdout).toMatch(
      /^--learning-rate$/m,
    );
  });
});
