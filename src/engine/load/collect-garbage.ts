// A garbage collection now: where arrays as large as a model have just become unreachable, memory would else stay twice what it has to be.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/** Collects at once, which takes some 10 ms. Arrays are freed when nothing refers to them. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
