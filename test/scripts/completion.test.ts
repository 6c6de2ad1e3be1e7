// Shell completion: the suggestions of the parser, and the script in bash.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, jest, test } from '@jest/globals';
import { COMMANDS, createParser } from '../../scripts/commands.js';
import { DETECTOR_NAMES, TASK_NAMES } from '../../src/node.js';
import { COMMAND } from '../helpers/command-line/command.js';

/** What is offered for the last word of a line. */
async function offered(line: string): Promise<string[]> {
  const words = ['visualbert', ...line.split(' ')];
  const print = jest.spyOn(console, 'log').mockImplementation(() => undefined);
  await createParser(['--get-yargs-completions', ...words])
    .exitProcess(false)
    .parseAsync();
  await new Promise((done) => setImmediate(done));
  const printed = print.mock.calls.map(([text]) => String(text));
  print.mockRestore();
  const last = words.at(-1) ?? '';
  return printed.filter((one) => one.startsWith(last)); // as the shell does
}

describe('completion', () => {
  test.each([
    ['', [...Object.keys(COMMANDS), 'completion'].join(' ')],
    ['features ', (COMMANDS['features'] ?? []).join(' ')],
    ['train ', TASK_NAMES.join(' ')],
    ['evaluate ', TASK_NAMES.join(' ')],
    ['train vqa --precision ', 'fp32 bf16 fp16'],
    ['predict --precision b', 'bf16'],
    ['predict --precision=b', '--precision=bf16'],
    ['completion ', 'bash zsh'],
    ['evaluate --backend ', 'tensorflow webgpu wasm cpu'],
    ['explain --method re', 'relevance'],
    ['predict nlvr2 --prec', '--precision'],
    ['evaluate --sk', '--skip-bad-images'],
    ['convert a b --quantization ', 'float16 uint8'],
    ['features extract photos --detector ', DETECTOR_NAMES.join(' ')],
    ['data check a --task ', 'classification answering grounding'],
  ])('of "%s" offers %s', async (line, words) => {
    expect(await offered(line)).toEqual(words.split(' '));
  });

  test.each(['inspect ', 'train vqa --features ', 'train vqa --output-dir ', 'evaluate --run '])(
    'of "%s" leaves file names to the shell',
    async (line) => {
      expect(await offered(line)).toEqual([]);
    },
  );

  test('offers the flags of one task to that task alone', async () => {
    expect(await offered('evaluate nlvr2 --q')).toEqual([]);
    expect(await offered('evaluate vqa --quest')).toEqual(['--questions']);
  });
});

const bash = ['/bin/bash', '/usr/bin/bash'].find(existsSync);
(bash !== undefined && existsSync(COMMAND) ? test : test.skip)(
  'the script completes a line in bash',
  () => {
    const script = `
    visualbert() { "${process.execPath}" "${resolve(COMMAND)}" "$@"; }
    source <(visualbert completion)
    offer() { COMP_WORDS=(visualbert evaluate vqa --precision "$@"); COMP_CWORD=$(($# + 3)); _visualbert_completions; echo "\${COMPREPLY[@]}"; }
    offer b; offer =; offer = b`;
    const { stdout, stderr } = spawnSync(bash as string, ['-c', script], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'bf16\nfp32 bf16 fp16 int8\nbf16\n', stderr: '' });
  },
  60_000,
);
