// The exit codes of docs/command-line.md, and errors as one paragraph.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { EXIT_CODES } from '../../scripts/command-line.js';
import { freePorts } from '../../src/cluster/free-ports.js';
import { prepareBackend } from '../../src/engine/select-backend.js';
import { writeFeatureFolder } from '../helpers/files/numpy-files.js';
import { argsOf, startCommand } from '../helpers/command-line/worker-runs.js';
import { COMMAND, type Finished, visualbert } from '../helpers/command-line/command.js';
import { writeNlvrFiles } from '../helpers/command-line/nlvr-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);
const HAS_ENGINE = (await prepareBackend()).backend === 'tensorflow';
if (!HAS_ENGINE) process.stderr.write('skipped: the exit code of a lost worker; the native engine is not installed\n');

const root = temporaryFolder();
const nlvr = writeNlvrFiles();
const records = (name: string, ...lines: object[]): string => {
  writeFileSync(join(root, name), lines.map((line) => JSON.stringify(line)).join('\n'));
  return join(root, name);
};
const train = (run: string): string[] => [
  ...['train', 'nlvr', '--backend', 'cpu', '--model-config', nlvr.modelConfig, '--output-dir', join(root, run)],
  ...['--data', nlvr.train, '--batch-size', '4', '--epochs', '1000', '--evaluate-every', '2'],
  ...['--validation-data', nlvr.validation],
];
const stopped = (signal: 'SIGINT' | 'SIGTERM'): Promise<Finished> =>
  visualbert(train(signal), 'evaluation after step 2', (child) => child.kill(signal));

/** A worker whose other one does not come. */
async function lonely(): Promise<Finished> {
  const worker = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const TF_CONFIG = JSON.stringify({ cluster: { worker }, task: { type: 'worker', index: 0 } });
  return startCommand([...argsOf('lonely'), '--worker-timeout', '2'], { env: { TF_CONFIG } }).end;
}

const text = { text: 'a dog', image: '1' };
/** What ends with each code. */
const CASES: Record<number, [what: string, run: () => Promise<Finished>][]> = {
  0: [['a warning alone', () => visualbert(['data', 'check', records('warn.jsonl', { ...text, label: 'a' }, text)])]],
  1: [
    ['an error', () => visualbert(['inspect', join(root, 'nowhere')])],
    ['a problem of data', () => visualbert(['data', 'check', records('bad.jsonl', { text: 5, image: '1' })])],
    [
      'a problem of features',
      () => {
        const folder = writeFeatureFolder(join(root, 'features'), ['1'], 2, 3);
        const bytes = readFileSync(join(folder, '1.npy'));
        bytes.writeFloatLE(NaN, bytes.length - 4);
        writeFileSync(join(folder, '1.npy'), bytes);
        return visualbert(['features', 'inspect', folder]);
      },
    ],
  ],
  130: [['Ctrl-C', () => stopped('SIGINT')]],
  138: [['a worker that does not come', lonely]],
  143: [['SIGTERM', () => stopped('SIGTERM')]],
};

const documented = [...readFileSync('docs/command-line.md', 'utf8').matchAll(/^\| (\d[\d, ]*) \|/gm)].flatMap(
  ({ 1: codes = '' }) => codes.split(', ').map(Number),
);

test('are those of docs/command-line.md and of --help', () => {
  expect(documented.sort((a, b) => a - b)).toEqual(Object.keys(CASES).map(Number));
  expect(documented.filter((code) => !new RegExp(`\\b${code}\\b`).test(EXIT_CODES))).toEqual([]);
});

(isBuilt ? describe : describe.skip)('exit codes', () => {
  jest.setTimeout(120_000); // processes, on machines that may be busy

  for (const [code, cases] of Object.entries(CASES))
    for (const [what, run] of cases)
      (code !== '138' || HAS_ENGINE ? test : test.skip)(`${code}: ${what}`, async () => {
        const { code: found, signal, stdout, stderr } = await run();
        expect({ found, signal, text: found === Number(code) ? '' : stdout + stderr }).toEqual({
          ...{ found: Number(code), signal: null, text: '' },
        });
      });
});

const nowhere = join(root, 'nowhere');
const asked = ['--question', 'What?', '--features', nowhere];
/** What goes wrong most: a file that is not there. */
const FAILING: readonly string[][] = [
  ['ask', nowhere, 'What is it?', '--model', nowhere],
  ['convert', nowhere, join(root, 'out')],
  ['data', 'check', nowhere],
  ['data', 'convert', nowhere, '--from', 'gqa', '--output', join(root, 'out.jsonl')],
  ['evaluate', '--run', nowhere],
  ['explain', '--run', nowhere, ...asked],
  ['features', 'inspect', nowhere],
  ['features', 'extract', nowhere, '--detector', nowhere, '--output', join(root, 'out.vbf')],
  ['ground', '--model', nowhere, ...asked, '--phrase', 'What'],
  ['inspect', nowhere],
  ['merge', nowhere, '--output', join(root, 'out')],
  ['predict', '--run', nowhere, ...asked],
  ['score', 'vqa', nowhere, '--annotations', nowhere],
  ['serve', '--model', nowhere, '--port', '0'],
  ['train', 'vqa', '--config', nowhere],
];

(isBuilt ? describe : describe.skip)('an error', () => {
  jest.setTimeout(120_000);

  test.each(FAILING.map((args) => [args.slice(0, 2).join(' ').replace(nowhere, 'FILE'), args] as const))(
    'of %s is one paragraph that names what is not there, without a stack',
    async (_name, args) => {
      const { code, stdout, stderr } = await visualbert(args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^[^\n]*nowhere[^\n]*\n$/);
      expect(stderr).not.toMatch(/^\w*Error:|ENOENT|bug in visualbert/);
    },
  );

  test('has its stack with --debug', async () => {
    const { stderr } = await visualbert(['inspect', nowhere, '--debug']);
    expect(stderr).toMatch(/nowhere[^\n]*\n[^]*\n {4}at /);
  });
});
