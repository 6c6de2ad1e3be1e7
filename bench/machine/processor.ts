// Properties of this machine's processor on which a comparison depends.
import { existsSync, readFileSync } from 'node:fs';

const CPU_INFO = '/proc/cpuinfo';

/** Whether PyTorch multiplies bfloat16 fast here: without AVX-512 one of its training steps takes minutes. True where nothing is known. */
export function multipliesBfloat16(): boolean {
  const flags = existsSync(CPU_INFO) ? /^flags\s*:(.*)$/m.exec(readFileSync(CPU_INFO, 'utf8'))?.[1] : undefined;
  return flags === undefined || /\bavx512bw\b/.test(flags);
}
