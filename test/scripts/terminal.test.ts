// The command on a pseudo-terminal of `script` and in a pipe: colors, width, progress; and a full disk.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, jest, test } from '@jest/globals';
import { shellWord } from '../../src/node.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { COMMAND } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';

const SCRIPT = '/usr/bin/script';
const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);
if (!existsSync(SCRIPT)) process.stderr.write(`skipped: commands on a terminal, for there is no ${SCRIPT}\n`);

/** Jest's workers set the first of these; with the last, Node prints no colors. */
const DISPLAY = ['FORCE_COLOR', 'NO_COLOR', 'COLUMNS', 'CI'];
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !DISPLAY.includes(name)));
const BASE = { ...ENVIRONMENT, TERM: 'xterm', VISUALBERT_BACKEND: '' };
const COLOR = /\u001b\[[\d;]*m/;

interface Shown {
  status: number | null;
  out: string;
  err: string;
}

/** Runs a line of the shell, in which `$vb` is the command. */
function shell(line: string, env: NodeJS.ProcessEnv = {}): Shown {
  const options = { encoding: 'utf8', env: { ...BASE, ...env } } as const;
  const command = `vb="${process.execPath} ${COMMAND}"; ${line}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], options);
  return { status, out: stdout, err: stderr };
}

/** Runs it on a terminal; what it prints on either stream is `out`. */
function onTerminal(
  args: string,
  { columns = 80, env = {} }: { columns?: number; env?: NodeJS.ProcessEnv } = {},
): Shown {
  const line = `stty cols ${columns} rows 24; exec ${process.execPath} ${COMMAND} ${args}`;
  return shell(`${SCRIPT} -qec ${shellWord(line)} /dev/null < /dev/null`, env);
}

const files = writeNlvrFiles();
const features = writeFeatureFolder(join(files.folder, 'features'), ['1', '2', '3'], 2, 3);
afterAll(() => rmSync(files.folder, { recursive: true, force: true }));
const training = (run: string): string =>
  [
    ...['train nlvr --backend cpu --model-config', files.modelConfig, '--output-dir', join(files.folder, run)],
    ...['--data', files.train, '--batch-size 4 --learning-rate 1e-3 --max-steps 3'],
  ].join(' ');
const packing = (name: string): string => `features pack ${features} --output ${join(files.folder, name)}`;

(isBuilt && existsSync(SCRIPT) ? describe : describe.skip)('on a terminal', () => {
  jest.setTimeout(120_000);

  test('errors are red, and have no color with NO_COLOR', () => {
    expect(onTerminal('nonsense')).toMatchObject({
      status: 1,
      out: expect.stringMatching(/^\u001b\[31munknown command nonsense; .*\u001b\[39m\r\n$/),
    });
    expect(onTerminal('nonsense', { env: { NO_COLOR: '1' } })).toMatchObject({
      status: 1,
      out: 'unknown command nonsense; `visualbert --help` lists the commands\r\n',
    });
  });

  test.each([40, 60, 120])('help is as wide as the terminal: %i columns', (columns) => {
    const { status, out } = onTerminal('train vqa --help', { columns });
    expect(status).toBe(0);
    const lines = out.split('\r\n');
    const parted = lines.filter((line) => line.replace(/ \\$/, '').trim().includes(' ')); // no word is cut
    const widths = parted.map(({ length }) => length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(Math.min(columns, 100));
    expect(Math.max(...widths)).toBeGreaterThan(Math.min(columns, 100) - 5);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}--validation-annotations(?: |$)/));
    expect(out).not.toContain('\u001b');
  });

  test('a run and a command over images have a bar, without colors', () => {
    const { status, out } = onTerminal(training('bar'), { env: { NO_COLOR: '1' } });
    expect(status).toBe(0);
    expect(out).toMatch(/3\/3 \| loss \d\.\d{4} \| rate \S+ \| \S+ s left/);
    expect(out).toContain('\u001b[?25h'); // the cursor is back
    expect(out).not.toMatch(COLOR);
    expect(onTerminal(packing('bar.vbf')).out).toMatch(/3 of 3 images/);
  });
});

(isBuilt ? describe : describe.skip)('in a pipe', () => {
  jest.setTimeout(120_000);

  test('a run writes plain lines, and a command that is soon done none', () => {
    const { status, out, err } = shell(`$vb ${training('pipe')} | cat`);
    expect(status).toBe(0);
    expect(out).toMatch(/finished after step 3 of 3/);
    expect(err).toMatch(/^step 3 of 3: loss \d\.\d{4}, rate \S+$/m);
    expect(out + err).not.toContain('\u001b');
    expect(shell(`$vb ${packing('pipe.vbf')} | cat`)).toEqual({
      status: 0,
      out: `packed into ${join(files.folder, 'pipe.vbf')}\n`,
      err: '',
    });
  });
});

(isBuilt && existsSync('/dev/full') ? describe : describe.skip)('onto a full disk', () => {
  jest.setTimeout(120_000);

  test.each([
    '--help',
    '--version',
    'train vqa --help',
    'completion',
    '--get-yargs-completions visualbert tr',
    'engine info --json',
    `features inspect ${features}`,
    'inspect test/fixtures/checkpoints/tiny-vqa --json',
  ])('a result that cannot be written is an error: %s', (args) => {
    expect(shell(`$vb ${args} > /dev/full`)).toEqual({
      status: 1,
      out: '',
      err: 'standard output: the disk is full; free some space, or choose a path on another one\n',
    });
  });

  test('the same for a run, which is complete on disk', () => {
    const { status, err } = shell(`$vb ${training('full')} > /dev/full`);
    expect(status).toBe(1);
    expect(err).toContain('standard output: the disk is full; free some space, or choose a path on another one\n');
  });
});
