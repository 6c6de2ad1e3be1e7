// ExampleOutputs wheels: the wanted files in their layout, and errors for damaged archives.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { EngineError } from '../../../src/errors.js';
import { unpackWheel } from '../../../src/engine/install/unpack-wheel.js';
import { zipOf } from '../../helpers/machine/fake-toolchain.js';
import { temporaryFolder } from '../../helpers/files/temporary-folder.js';

const folder = temporaryFolder();

function wheel(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

test('unpacks what is wanted in the layout of the wheel, empty files too, and counts bytes', async () => {
  const path = wheel('a.whl', zipOf({ 'a/b.txt': 'text', 'a/empty': '', 'c.py': 'not wanted' }));
  const seen: number[][] = [];
  await unpackWheel(
    path,
    join(folder, 'out'),
    (name) => name.startsWith('a/'),
    (done, total) => seen.push([done, total]),
  );
  expect(readFileSync(join(folder, 'out/a/b.txt'), 'utf8')).toBe('text');
  expect(readFileSync(join(folder, 'out/a/empty'), 'utf8')).toBe('');
  expect(existsSync(join(folder, 'out/c.py'))).toBe(false);
  expect(seen.at(-1)).toEqual([4, 4]);
});

test('a name that leaves the folder is refused', async () => {
  const path = wheel('b.whl', zipOf({ '../escaped': 'x' }));
  await expect(unpackWheel(path, join(folder, 'out'), () => true)).rejects.toThrow(
    /"\.\.\/escaped" has a path that leaves the archive/,
  );
  expect(existsSync(join(folder, 'escaped'))).toBe(false);
});

test('a file cut short, and one that is not an archive, are refused', async () => {
  const whole = zipOf({ 'a/b.txt': 'text' });
  await expect(unpackWheel(wheel('c.whl', whole.subarray(0, whole.length - 5)), folder, () => true)).rejects.toThrow(
    EngineError,
  );
  await expect(unpackWheel(wheel('d.whl', Buffer.from('<html>')), folder, () => true)).rejects.toThrow(
    /the end of its zip archive is missing/,
  );
});
