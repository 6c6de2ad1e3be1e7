// Immediate garbage collection: after arrays as large as a model become unreachable, memory use would otherwise stay doubled.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/** Collects garbage now, which takes some 10 ms: unreachable arrays are freed. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
