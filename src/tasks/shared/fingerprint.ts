// Fingerprints of data: short texts that change when the data do.
import { createHash } from 'node:crypto';

/** 16 hexadecimal digits that change when any of the parts does. */
export function fingerprintOf(parts: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 16);
}
