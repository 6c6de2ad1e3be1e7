// The message of the command if the environment names an unavailable backend.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, jest, test } from '@jest/globals';
import { COMMAND } from '../helpers/command-line/command.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

const isBuilt = existsSync(COMMAND);
if (!isBuilt) process.stderr.write(`skipped: ${COMMAND} is not built (npm run build)\n`);

const run = (env: Record<string, string>, ...args: string[]): { status: number | null; out: string; err: string } => {
  const options = { env: { ...process.env, ...env }, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], options);
  return { status, out: stdout, err: stderr };
};

(isBuilt ? describe : describe.skip)('visualbert', () => {
  jest.setTimeout(60_000); // several processes, on machines that may be busy

  test('reports an unknown backend of the environment in one line', () => {
    expect(run({ VISUALBERT_BACKEND: 'webgl' }, 'predict', '--help')).toEqual({
      status: 1,
      out: '',
      err: "VISUALBERT_BACKEND: expected tensorflow, webgpu, wasm, cpu, received 'webgl'.\n",
    });
  });

  test('installs and shows engines where the environment asks for one that is not there yet', () => {
    const VISUALBERT_CACHE = temporaryFolder();
    const info = run({ VISUALBERT_BACKEND: 'tensorflow', VISUALBERT_CACHE }, 'engine', 'info');
    expect(info).toMatchObject({ status: 0, out: expect.stringContaining(VISUALBERT_CACHE) });
    expect(run({ VISUALBERT_BACKEND: 'tensorflow', VISUALBERT_CACHE }, 'engine', 'install', '--help')).toMatchObject({
      status: 0,
    });
  });
});
