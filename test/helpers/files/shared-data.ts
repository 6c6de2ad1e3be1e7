// Real data files next to the checkout, outside the repository.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from '@jest/globals';

/** The path of a file or folder under `../shared/data`, or null when this machine does not hold it. */
export function sharedData(path: string): string | null {
  const full = resolve('..', 'shared', 'data', path);
  return existsSync(full) ? full : null;
}

/** A test over real files: receives their paths in order; skipped, with the reason in its title, when one is absent. */
export function testWithData(
  title: string,
  paths: readonly string[],
  body: (...found: string[]) => void | Promise<void>,
): void {
  const found = paths.map(sharedData);
  const absent = paths.filter((_, i) => found[i] === null);
  if (absent.length > 0) {
    test.skip(`${title} (skipped: ../shared/data has no ${absent.join(', ')})`, () => undefined);
    return;
  }
  test(title, () => body(...found.map((path) => path ?? '')));
}
