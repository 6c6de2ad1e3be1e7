// What the native engine requires of the machine.
import { readFileSync } from 'node:fs';
import { EngineError } from '../../errors.js';

/**
 * TensorFlow's x86 libraries are compiled for AVX and abort the process without it, so this checks for it first.
 * @param cpuInfo text of /proc/cpuinfo; null: unknown, passes.
 * @throws EngineError when the processor has no AVX.
 */
export function requireCpu(arch: string = process.arch, cpuInfo: string | null = readCpuInfo()): void {
  const flags = cpuInfo === null ? undefined : /^flags\s*:(.*)$/m.exec(cpuInfo)?.[1];
  if (arch !== 'x64' || flags === undefined || / avx( |$)/.test(flags)) return;
  throw new EngineError(
    'This processor (or virtual machine) has no AVX instructions, which TensorFlow is compiled for: use another machine, or pass the ' +
      'instructions to the virtual machine (QEMU: -cpu host). Prediction and evaluation run here without the engine, on WebAssembly.',
  );
}

function readCpuInfo(): string | null {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return null;
  }
}
