// The allocated memory of the graphics card.
import { execFileSync } from 'node:child_process';

/**
 * Bytes in use on all cards, by whatever program; NaN for a CPU. TensorFlow and PyTorch keep what they have once taken, so that
 * what a process frees at its end is its peak.
 */
export function gpuBytesUsed(device: 'cpu' | 'gpu'): number {
  if (device === 'cpu') return NaN;
  const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
  const megabytes = execFileSync('nvidia-smi', query, { encoding: 'utf8' }).trim().split('\n').map(Number);
  return megabytes.reduce((sum, one) => sum + one, 0) * 2 ** 20;
}
