// Errors for invalid command lines: one line that names the flags and suggests the most similar one.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import { errorText } from '../../scripts/command-line.js';
import { refuseUnused, requireNumbers, requireValues } from '../../scripts/flags/checks.js';
import { createStatusLine } from '../../scripts/results/status-line.js';
import { foldHelp } from '../../scripts/terminal/help.js';
import { usageText } from '../../scripts/terminal/usage.js';
import { resolveTrainingArguments } from '../../src/training/arguments.js';
import { ConfigError, OptionsError, TRAINING_ARGUMENTS } from '../../src/node.js';
import { COMMANDS, withoutDashes } from '../../scripts/commands.js';
import { helpOf, refusal } from '../helpers/command-line/parse.js';
import { flagOf } from '../../scripts/flags/words.js';
import { COMMAND, visualbert } from '../helpers/command-line/command.js';

const known = {
  ...{ command: 'visualbert train vqa', args: [], flags: ['learning-rate', 'epochs', 'keys'] },
  ...{ commands: ['vqa', 'nlvr2'], positionals: ['checkpoint', 'outDir'] },
};

describe('a command line that yargs refuses', () => {
  test.each([
    [
      'Missing required arguments: data, output',
      'expected --data and --output; `visualbert train vqa --help` lists the flags',
    ],
    [
      'Not enough non-option arguments: got 0, need at least 1',
      'expected <checkpoint> <outDir>, received no <checkpoint> and no <outDir>; `visualbert train vqa --help` says what to give',
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

  test.each([
    [['--lerning-rate', '1'], '--lerning-rate, did you mean --learning-rate?'],
    [['--lerningRate=1'], '--lerningRate, did you mean --learning-rate?'],
    [['model', '--no-such'], '--no-such'],
    [['-x'], '-x'],
  ])('%j: an unknown flag as it was typed, whatever yargs says first', (args, words) => {
    for (const message of ['Name a task.', 'Unknown argument: such', 'Missing required argument: data'])
      expect(usageText(message, { ...known, args })).toBe(
        `unknown flag ${words}; \`visualbert train vqa --help\` lists the flags`,
      );
    const fine = ['--learningRate', '-1', '--no-keys', '--', '--file'];
    expect(usageText('Name a task.', { ...known, args: fine })).toBe('Name a task.');
  });
});

test('a word too many, a number that is none: the message names it', () => {
  expect(usageText('Unknown argument: extra', { ...known, commands: [] })).toBe(
    'unexpected argument extra; `visualbert train vqa --help` lists the arguments of `visualbert train vqa`',
  );
  for (const args of [
    ['--epochs', 'many'],
    ['--top', '1', '--epochs=many'],
  ])
    expect(() => requireNumbers({ epochs: NaN }, { number: ['top', 'epochs'] }, args)).toThrow(
      '--epochs: expected a number, received "many"',
    );
});

test.each(['-1', '65536', '0.5', 'Infinity'])('a port of %s is refused before anything is read', async (port) => {
  expect(await refusal(['serve', '--port', port])).toBe(
    `--port: expected a whole number from 0 to 65535, received ${port}`,
  );
});

test('a flag without its value: the message names it as it was typed', () => {
  const flags = { string: ['run', 'question'], alias: { question: ['statement'] } };
  const empty = (name: string): string =>
    `--${name}: expected a value, received an empty one; give one, or leave --${name} out`;
  expect(() => requireValues({ run: '' }, flags, ['--run', '--other'])).toThrow(empty('run'));
  expect(() => requireValues({ question: [] }, flags, ['--statement'])).toThrow(empty('statement'));
  expect(requireValues({ run: '' }, flags, [])).toBe(true); // a positional of that name
});

test.each([
  [['convert', 'V', ''], '<outDir>'],
  [['features', 'inspect', ''], '<features>'],
  [['features', 'pack', '', '--output', 'b.vbf'], '<features>'],
  [['merge', ''], '<parts>'],
  [['score', 'vqa', '', '--annotations', 'a.json'], '<result>'],
  [['data', 'check', ''], '<file>'],
  [['ask', '', 'what'], '<picture>'],
  [['ask', 'photo.jpg', ''], '<question>'],
])('%j: an empty argument is named', async (words, name) => {
  expect(await refusal(words)).toBe(`${name}: expected a value, received an empty one; give one`);
});

test('arguments after -- may begin with a dash', async () => {
  expect(withoutDashes(['ask', '--top-k', '2', '--', '-dash.jpg', '-1?'])).toEqual([
    'ask',
    '--top-k',
    '2',
    './-dash.jpg',
    ' -1?',
  ]);
  expect(withoutDashes(['convert', '--', '-a.pkl', '-out'])).toEqual(['convert', './-a.pkl', './-out']);
  expect(withoutDashes(['convert', '-a.pkl', 'out'])).toEqual(['convert', '-a.pkl', 'out']);
});

test('a status line replaces itself on a terminal, and is not written elsewhere', () => {
  const written: string[] = [];
  const write = (text: unknown): boolean => written.push(String(text)) > 0;
  for (const isTTY of [true, false]) {
    const line = createStatusLine({ isTTY, write });
    line.clear();
    line.show('loading');
    line.show('asking');
    line.clear();
    line.clear();
  }
  expect(written).toEqual(['loading', 'asking', ''].map((text) => `\r\u001b[2K${text}`));
});

test('an empty number is none, and not 0', async () => {
  for (const words of [
    ['serve', '--port', ''],
    ['serve', '--port='],
    ['serve', '--port', ' '],
  ])
    expect(await refusal(words)).toMatch(/^--port: expected a number, received " ?"$/);
  expect(await refusal(['predict', '--top='])).toBe('--top: expected a number, received ""');
  expect(await refusal(['serve', '--port', '0'])).toBe(null);
});

test.each([
  ['evaluate'],
  ['predict'],
  ['explain'],
  ['ground', '--question', 'a', '--phrase', 'b'],
  ['serve'],
  ['ask', 'a', 'b'],
])('%s refuses a run together with a model', async (...words) => {
  expect(await refusal([...words, '--run', 'a', '--model', 'b'])).toMatch(
    /^--run, --model: expected one of them, received both; /,
  );
  expect(await refusal([...words, '--run', 'a'])).toBe(null);
});

test('help does not require features that a picture with a detector replaces', async () => {
  const [line = ''] = /--features +.*/.exec(await helpOf('ground')) ?? [];
  expect(line).toContain('; or --picture with --detector');
  expect(line).not.toContain('[required]');
});

test('help says where the options of examples are required, and what a run or model replaces', async () => {
  for (const [command, mark] of [
    ['evaluate', '[required without --run]'],
    ['predict', '[required for a file of questions without --run]'],
    ['explain', '[required for many examples without --run]'],
  ] as const)
    for (const words of [command, `${command} vqa`]) {
      const help = await helpOf(words);
      expect(help).not.toContain('[required]');
      expect(help).toMatch(new RegExp(`--questions .*${mark.replace(/[[\]]/g, '\\$&')}`));
      expect(help).toMatch(/--answers +list of answers \(\.txt, \.json\); default: the model's +\[string\]/);
      expect(help).toMatch(/--vocabulary +vocab\.txt; default: the model's +\[string\]/);
    }
  for (const command of ['serve', 'ground', 'predict', 'evaluate vqa', 'explain nlvr2'])
    expect(await helpOf(command)).toMatch(/--cells .*\[default: the run's, else 8\]/);
  expect(await helpOf('predict')).toMatch(/--top .*\[default: 5; all classes and all choices\]/);
});

test('help breaks the lines of records', async () => {
  for (const command of ['data check', 'data stats'])
    for (const line of foldHelp(await helpOf(command), 60).split('\n')) expect(line.length).toBeLessThanOrEqual(60);
});

test('help shows no default of a list that must be given', async () => {
  expect(foldHelp(await helpOf('merge'), 100)).toMatch(/the files of all parts.*\[required\]\n/);
});

test('every flag with a number has a range', async () => {
  for (const [command, below] of Object.entries(COMMANDS))
    for (const words of [[command], ...below.map((name) => [command, name])]) {
      const names = [...(await helpOf(words.join(' '))).matchAll(/--([a-z-]+) .*\[number\]/g)].map(
        ([, name = '']) => name,
      );
      for (const name of names) {
        const flag = `--${name}=-0.5`;
        const refusals = [await refusal([...words, flag]), await refusal([...words, 'a', 'b', flag])]; // with arguments where it has some
        const text = expect.stringMatching(/^--[a-z-]+: expected .*, received -0.5$/); // of two names the first
        expect([words, refusals]).toEqual([words, expect.arrayContaining([text])]);
      }
    }
}, 60_000);

test('the help of every --output says what becomes of an existing file', async () => {
  const told: Record<string, string> = {};
  for (const [command, below] of Object.entries(COMMANDS))
    for (const words of [command, ...below.map((name) => `${command} ${name}`)]) {
      const [, text] = /^ *--output +(.*)$/m.exec(await helpOf(words)) ?? [];
      if (text !== undefined)
        told[words] =
          /replaces an existing one|an unfinished one is continued, a finished one is never replaced/.exec(text)?.[0] ??
          text;
    }
  const resumed = ['features extract', 'features vcr'];
  for (const [words, text] of Object.entries(told))
    expect([words, text]).toEqual([
      words,
      resumed.includes(words)
        ? 'an unfinished one is continued, a finished one is never replaced'
        : 'replaces an existing one',
    ]);
  expect(Object.keys(told)).toEqual(
    expect.arrayContaining([
      'predict vqa',
      'evaluate',
      'explain',
      'merge',
      'data convert',
      'features draw',
      ...resumed,
    ]),
  );
}, 60_000);

test('a flag that one use of a command does not read is named', () => {
  const flags = { limit: undefined, batchSize: 3, seed: 0 };
  expect(() => refuseUnused(flags, ['limit', 'batchSize', 'seed'], 'one question; leave it out')).toThrow(
    '--batch-size, --seed: of no use for one question; leave it out',
  );
  expect(refuseUnused(flags, ['limit'], 'one question')).toBe(undefined);
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

  test("of a setting in a list names its place, and of an unknown one keeps the name, which is a config file's", () => {
    const thrown = (options: unknown): string => {
      try {
        resolveTrainingArguments(options);
        return '';
      } catch (error) {
        return errorText(error);
      }
    };
    expect(thrown({ outputDir: 'a', freeze: ['x', ''] })).toBe(
      '--freeze.1: expected a name of parameters, received ""',
    );
    expect(thrown({ outputDir: 'a', warmupSteps: 1, warmupRatio: 0.1 })).toBe(
      'expected --warmup-steps or --warmup-ratio, received both; give one of them',
    );
    expect(thrown({ outputDir: 'a', lerningRate: 1 })).toMatch(/^unknown lerningRate; known: outputDir, /);
  });

  test('of any setting with a value that it cannot have begins with its flag', () => {
    for (const name of Object.keys(TRAINING_ARGUMENTS)) {
      let text = '';
      try {
        resolveTrainingArguments({ outputDir: 'a', [name]: { wrong: true } });
      } catch (error) {
        text = errorText(error);
      }
      expect(text).toMatch(new RegExp(`^${flagOf(name)}(\\.\\d+)?: expected `));
    }
  });

  test("prints the system's error for a path, and asks to report faults of the program", () => {
    const missing = Object.assign(new Error("ENOENT: no such file or directory, stat '/a'"), {
      code: 'ENOENT',
      path: '/a',
    });
    expect(errorText(missing)).toBe(
      '/a: no such file or folder; check the path, relative ones begin at the current folder',
    );
    expect(errorText(new ConfigError("a.json: cannot be read: ENOENT: no such file or directory, stat 'a.json'"))).toBe(
      'a.json: cannot be read: no such file or folder; check the path, relative ones begin at the current folder',
    );
    expect(errorText(new ConfigError('dir: has no config.json; pass { config }, or convert it'))).toBe(
      'dir: has no config.json; convert it',
    );
    expect(errorText(new TypeError('x is not a function'))).toMatch(
      /^x is not a function\. This is a bug in visualbert-tfjs: .*--debug/,
    );
  });
});

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

(isBuilt ? describe : describe.skip)('the command', () => {
  jest.setTimeout(120_000);

  test('prints an error in one line, and its stack on demand', async () => {
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
    expect((await visualbert(run)).stderr).toMatch(
      /^nowhere: no such folder; expected one that `visualbert train --output-dir FOLDER` made[^\n]*\n$/,
    );
    const blank = await visualbert(['predict', '--backend', 'cpu', '--run', 'nowhere', '--text', ' ']);
    expect(blank.stderr).toBe('--text: expected a text that is not blank.\n');
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

  test('prints what a signal ended before anything else listened to it, with the exit code of shells', () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      // Sent by the process itself as soon as the command listens.
      const send = `const t = setInterval(() => { if (process.listenerCount('${signal}') > 0) { clearInterval(t); process.kill(process.pid, '${signal}'); } }, 1);`;
      const preload = ['--import', `data:text/javascript,${encodeURIComponent(send)}`];
      const ended = spawnSync(process.execPath, [...preload, COMMAND, 'train', 'nlvr', '--data', 'none.json'], {
        encoding: 'utf8',
      });
      expect(ended.stderr).toBe(`visualbert train nlvr: stopped by ${signal} before its end\n`);
      expect(ended.status).toBe(code);
    }
  });

  test('prints an unexpected error without its stack', () => {
    const fail = `const t = setInterval(() => { if (process.listenerCount('uncaughtException') > 0) { clearInterval(t); throw new Error('a surprise'); } }, 1);`;
    const preload = ['--import', `data:text/javascript,${encodeURIComponent(fail)}`];
    const ended = spawnSync(process.execPath, [...preload, COMMAND, 'engine', 'info'], { encoding: 'utf8' });
    expect(ended).toMatchObject({ status: 1, stdout: '', stderr: 'a surprise\n' });
  });

  test('prints no error when its output is closed', () => {
    const line = `"${process.execPath}" "${COMMAND}" train vqa --help | true`;
    const { stdout, stderr } = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  });

  test('has no colors where its output is no terminal, nor with NO_COLOR', () => {
    for (const env of [{}, { NO_COLOR: '1' }]) {
      const { stderr } = spawnSync(process.execPath, [COMMAND, 'nonsense'], {
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
      expect(stderr).toBe('unknown command nonsense; `visualbert --help` lists the commands\n');
    }
  });
});
