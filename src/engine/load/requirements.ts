// Requirements of the native engine on the machine, and of training on the engine.
import { readFileSync } from 'node:fs';
import { EngineError } from '../../errors.js';

/**
 * TensorFlow's x86 libraries are compiled for AVX and abort the process without it: so it is looked up first.
 * @param cpuInfo text of /proc/cpuinfo; null: unknown, passes.
 * @throws EngineError when the processor has no AVX.
 */
export function requireCpu(arch: string = process.arch, cpuInfo: string | null = readCpuInfo()): void {
  const flags = cpuInfo === null ? undefined : /^flags\s*:(.*)$/m.exec(cpuInfo)?.[1];
  if (arch !== 'x64' || flags === undefined || / avx( |$)/.test(flags)) return;
  throw new EngineError(
    'This processor (or virtual machine) has no AVX instructions, which TensorFlow is compiled for: use another machine, or let the ' +
      'virtual machine pass them on (QEMU: -cpu host). Prediction and evaluation run here without the engine, on WebAssembly.',
  );
}

function readCpuInfo(): string | null {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return null;
  }
}
