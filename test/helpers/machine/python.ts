// PyTorch and transformers, if this machine has them: VISUALBERT_PYTHON, else python3.
import { spawnSync } from 'node:child_process';

/** Time for importing torch on a busy machine. */
const TIMEOUT_MS = 120_000;

/** A Python that imports these packages, or the reason why there is none. */
export function findPython(packages = ['torch', 'transformers']): { python: string } | { reason: string } {
  const python = process.env['VISUALBERT_PYTHON'] ?? 'python3';
  const found = spawnSync(
    python,
    ['-c', 'import importlib.util as u, sys; print(all(u.find_spec(m) for m in sys.argv[1:]))', ...packages],
    { encoding: 'utf8' },
  );
  if (found.stdout?.trim() === 'True') return { python };
  return { reason: `${python} has no ${packages.join(' and ')}; set VISUALBERT_PYTHON to a Python that has` };
}

/** Runs a script and parses the last line it prints as JSON. */
export function runPython<T>(python: string, script: string, args: readonly string[]): T {
  const { status, stdout, stderr } = spawnSync(python, [script, ...args], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
  });
  if (status !== 0) throw new Error(`${script}: ${stderr.slice(-2000)}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T;
}
