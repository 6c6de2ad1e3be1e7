// Properties of this machine's processor on which a comparison depends.
import { existsSync, readFileSync } from 'node:fs';

const CPU_INFO = '/proc/cpuinfo';

/** Whether products of bfloat16 are fast in PyTorch: without AVX-512 one of its training steps takes minutes. True if unknown. */
export function multipliesBfloat16(): boolean {
  const flags = existsSync(CPU_INFO) ? /^flags\s*:(.*)$/m.exec(readFileSync(CPU_INFO, 'utf8'))?.[1] : undefined;
  return flags === undefined || /\bavx512bw\b/.test(flags);
}
