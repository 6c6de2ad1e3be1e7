// Fetches wheels through the user's Python and pip, where an index cannot be read without pip: by name and with fixed tags, so that any Python version will do.
import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../errors.js';
import type { Wheel } from './wheel-table.js';

/** Result of a child process: exit code and everything it printed. */
export interface CommandResult {
  code: number;
  output: string;
}

/** Runs a program to its end. Never rejects: a missing program gives code 127. */
export function runCommand(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * The first Python that has pip: `VISUALBERT_PYTHON`, `python3`, `python`.
 * @throws EngineError when there is none.
 */
export async function findPython(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const tried: string[] = [];
  for (const python of env.VISUALBERT_PYTHON ? [env.VISUALBERT_PYTHON] : ['python3', 'python']) {
    const { code } = await runCommand(python, ['-m', 'pip', '--version'], env);
    if (code === 0) return python;
    tried.push(code === 127 ? `${python} not found` : `${python} has no pip`);
  }
  throw new EngineError(
    `pip is needed, and there is none (${tried.join(', ')}): install Python 3.8 or newer with pip ` +
      '(Debian and Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: brew install python), ' +
      'or set VISUALBERT_PYTHON to one. Prediction and evaluation run without the engine, on WebAssembly.',
  );
}

/**
 * Downloads one wheel into `folder` and returns its path.
 * @throws EngineError naming the failure: network, no such wheel, full disk, other.
 */
export async function downloadWheel(
  python: string,
  wheel: Wheel,
  folder: string,
  onBytes: (done: number) => void,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--no-cache-dir',
    '--disable-pip-version-check',
  ];
  args.push('--no-input', '--progress-bar', 'off', '--implementation', 'cp', '--python-version', '3.12');
  args.push(...wheel.tags.flatMap((tag) => ['--platform', tag]), '--dest', folder, `${wheel.name}==${wheel.version}`);
  // Every version of pip downloads into TMPDIR, where its growth shows the progress.
  const pipEnv = {
    ...env,
    TMPDIR: folder,
    PIP_REQUIRE_VIRTUALENV: '0',
    PIP_DEFAULT_TIMEOUT: env.PIP_DEFAULT_TIMEOUT ?? '30',
  };
  const timer = setInterval(() => void folderBytes(folder).then(onBytes), 500);
  const { code, output } = await runCommand(python, args, pipEnv).finally(() => clearInterval(timer));
  if (code !== 0) throw new EngineError(downloadFailure(wheel, output));
  const file = (await readdir(folder)).find(
    (name) => name.endsWith('.whl') && name.toLowerCase().startsWith(wheel.name.replaceAll('-', '_')),
  );
  if (file === undefined)
    throw new EngineError(`pip reported success but left no wheel of ${wheel.name} in ${folder}:\n${tail(output)}`);
  return join(folder, file);
}

/** The error text for a failure of pip. */
export function downloadFailure(wheel: Wheel, output: string): string {
  const what = `${wheel.name} ${wheel.version}`;
  if (/No space left on device|Errno 28/i.test(output)) {
    return `No space left on the disk while fetching ${what} (${Math.ceil(wheel.bytes / 1e6)} MB): free some, or set VISUALBERT_CACHE to a folder on another disk.`;
  }
  if (
    /NewConnectionError|NameResolutionError|Temporary failure in name resolution|Connection refused|ConnectTimeout|Read timed out|ProxyError|Network is unreachable|SSLError|ConnectionResetError|Max retries/i.test(
      output,
    )
  ) {
    return (
      `${what} could not be fetched: the Python package index cannot be reached. Check the network; behind a proxy set HTTPS_PROXY; ` +
      `with a mirror set PIP_INDEX_URL. Prediction and evaluation run without the engine, on WebAssembly.\n${tail(output)}`
    );
  }
  if (/No matching distribution found/i.test(output)) {
    return `The package index has no ${what} for this platform (${wheel.tags.join(', ')}): choose another version with --tensorflow.\n${tail(output)}`;
  }
  return `pip could not fetch ${what}:\n${tail(output)}`;
}

function tail(output: string): string {
  return output.trim().split('\n').slice(-4).join('\n');
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map((entry) =>
      stat(join(folder, entry)).then(
        (s) => (s.isFile() ? s.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((a, b) => a + b, 0);
}
