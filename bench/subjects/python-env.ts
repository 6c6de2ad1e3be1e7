// The Python of the other side: VISUALBERT_PYTHON, else an environment in the cache, created on first use.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The versions of the comparisons. For a CPU `+cpu` if the package index has it: the other build contains 3 GB of CUDA. */
const TORCH = '2.13.0';
const PACKAGES = [
  'transformers>=5.23,<6',
  'numpy',
  'safetensors',
  'accelerate',
  'onnx',
  'onnxruntime',
  'fastapi',
  'uvicorn',
  'openvino',
];

/** The folder for checkpoints, batches and the Python environment; several gigabytes. */
export function benchCache(): string {
  const base =
    process.env.VISUALBERT_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'visualbert');
  const folder = join(base, 'bench');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Path of a Python with torch and transformers. @throws Error when no environment can be created. */
export function requirePython(log: (line: string) => void, device: 'cpu' | 'gpu' = 'cpu'): string {
  const given = process.env.VISUALBERT_PYTHON;
  if (given) {
    if (!canImport(given, 'torch, transformers, safetensors')) {
      throw new Error(
        `VISUALBERT_PYTHON=${given} cannot import torch, transformers and safetensors; install them there or unset it`,
      );
    }
    return given;
  }
  const folder = join(benchCache(), `python-torch-${TORCH}${device === 'gpu' ? '-gpu' : ''}`);
  const python = join(folder, 'bin', 'python');
  if (existsSync(python)) return python;
  log(`making a Python environment with torch ${TORCH} in ${folder} (once, a few minutes)`);
  const made = `${folder}.part`;
  rmSync(made, { recursive: true, force: true });
  execFileSync('python3', ['-m', 'venv', made]);
  const pip = (...packages: string[]): boolean =>
    spawnSync(join(made, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status === 0;
  const hasTorch = (device === 'cpu' && pip(`torch==${TORCH}+cpu`)) || pip(`torch==${TORCH}`);
  if (!hasTorch || !pip(...PACKAGES)) {
    throw new Error(
      `pip could not install torch ${TORCH} and ${PACKAGES.join(', ')}; set VISUALBERT_PYTHON to a Python that has them`,
    );
  }
  renameSync(made, folder);
  return python;
}

/** Whether a Python can import modules. */
export function canImport(python: string, modules: string): boolean {
  return spawnSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0;
}

/** A file of bench/python, from the sources or from the build. */
export function pythonFile(name: string): string {
  return join(checkoutFolder(), 'bench', 'python', name);
}

/** The checkout, whose Python files and data are needed by measurements. */
export function checkoutFolder(): string {
  return process.cwd();
}
