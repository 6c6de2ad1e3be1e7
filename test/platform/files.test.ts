// Files on disk: read in parts, written whole or not at all.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountSmallDisk } from '../helpers/machine/small-disk.js';
import { writeWhole } from '../../src/byte-sink.js';
import { DataError } from '../../src/errors.js';
import {
  createSink,
  exists,
  isFolder,
  listFolder,
  makeFolder,
  openSource,
  readText,
  removeFile,
  writeTextAtomic,
} from '../../src/platform/node.js';
import { openFiles } from '../helpers/files/open-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});

describe('makeFolder', () => {
  test('makes all levels that are missing, and is content with a folder that is there', async () => {
    const path = join(folder, 'ä', 'b c', 'd');
    await makeFolder(path);
    await makeFolder(path);
    expect(await isFolder(path)).toBe(true);
  });

  test('names the folder that cannot be created', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(makeFolder(file)).rejects.toThrow(
      new DataError(`${file}: expected a folder, found a file; choose another path, or move it away`),
    );
    await expect(makeFolder(join(file, 'below'))).rejects.toThrow(
      `below: expected a folder, found a file at ${file}; choose`,
    );
    if (await isFolder('/proc/self')) await expect(makeFolder('/proc/new/deep')).rejects.toThrow(/'\/proc/);
  });
});

describe('createSink', () => {
  test('shows nothing under the name before close, and everything after', async () => {
    const path = join(folder, 'new', 'deep', 'file.bin');
    const sink = await createSink(path);
    const piece = new Uint8Array(3 << 20).fill(1);
    await sink.write(piece);
    piece.fill(2); // the sink has taken its copy
    await sink.write(piece);
    await sink.write(new Uint8Array(5 << 20).fill(3));
    expect(await exists(path)).toBe(false);
    await sink.close();
    const bytes = readFileSync(path);
    expect([bytes.length, bytes[0], bytes[(3 << 20) - 1], bytes[3 << 20], bytes[6 << 20], bytes.at(-1)]).toEqual([
      11 << 20,
      1,
      1,
      2,
      3,
      3,
    ]);
    expect(readdirSync(join(folder, 'new', 'deep'))).toEqual(['file.bin']);
  });

  test('leaves the old file when writing fails', async () => {
    const path = join(folder, 'kept.txt');
    await writeTextAtomic(path, 'old');
    const failing = writeWhole(await createSink(path), async (sink) => {
      await sink.write(new Uint8Array(10));
      throw new Error('out of values');
    });
    await expect(failing).rejects.toThrow('out of values');
    expect(await readText(path)).toBe('old');
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('openSource of a file', () => {
  test('reads any part, and refuses parts outside', async () => {
    const path = join(folder, 'numbers.bin');
    writeFileSync(
      path,
      Uint8Array.from({ length: 300 }, (_, i) => i & 0xff),
    );
    const source = await openSource(path);
    expect([...(await source.read(254, 4))]).toEqual([254, 255, 0, 1]);
    await expect(source.read(298, 3)).rejects.toThrow(/bytes 298 to 301 lie outside its 300 bytes/);
    await expect(source.read(-1, 1)).rejects.toThrow(RangeError);
    await source.close();
    await expect(openSource(folder)).rejects.toThrow(/expected a file, found a folder/);
    await expect(openSource(join(folder, 'nothing'))).rejects.toThrow('nothing: cannot be read: no such file');
  });

  (process.platform === 'linux' ? test : test.skip)('stays open when it is forgotten, until it is closed', async () => {
    const path = join(folder, 'forgotten.bin');
    writeFileSync(path, Uint8Array.of(1));
    const kept = await openSource(path);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    await openSource(path);
    for (let i = 0; i < 3; i++) {
      collect();
      await setImmediate();
    }
    expect(openFiles(path)).toEqual([path, path]);
    await kept.close();
    expect(openFiles(path)).toEqual([path]);
  });

  const hasFifos = process.platform !== 'win32';
  (hasFifos ? test : test.skip)('refuses FIFOs, sockets and devices before they are opened', async () => {
    const [fifo, socket] = [join(folder, 'fifo'), join(folder, 'socket')];
    execFileSync('mkfifo', [fifo]);
    const server = createServer().listen(socket);
    await once(server, 'listening');
    for (const [path, kind] of [
      [fifo, 'a FIFO'],
      [socket, 'a socket'],
      ['/dev/null', 'a device'],
      [folder, 'a folder'],
    ] as const) {
      for (const get of [openSource, readText])
        await expect(get(path)).rejects.toThrow(`${path}: expected a file, found ${kind}`);
      await expect(createSink(path)).rejects.toThrow(`${path}: expected a file to write, found ${kind}`);
      await expect(openSource(path)).rejects.toThrow(DataError);
    }
    server.close();
  });
});

(existsSync('/sys/kernel') ? test : test.skip)(
  'a folder that cannot be written names the file, not a temporary one',
  async () => {
    await expect(createSink('/sys/x.json')).rejects.toMatchObject({ path: '/sys/x.json', code: 'EACCES' });
  },
);

const small = mountSmallDisk('64k');
afterAll(() => small.remove());
(small.reason === null ? test : test.skip)('a full disk names the file', async () => {
  const path = join(small.folder, 'weights.bin');
  const writing = writeWhole(await createSink(path), (sink) => sink.write(new Uint8Array(5 << 20)));
  await expect(writing).rejects.toThrow(`${path}: ENOSPC`);
  expect(readdirSync(small.folder)).toEqual([]);
});

test('folders are listed in order, and files removed without complaint', async () => {
  const path = join(folder, 'list');
  mkdirSync(path);
  for (const name of ['b', 'a', 'c']) writeFileSync(join(path, name), '');
  expect(await listFolder(path)).toEqual(['a', 'b', 'c']);
  await removeFile(join(path, 'b'));
  await removeFile(join(path, 'b'));
  expect([await listFolder(path), await isFolder(path), await isFolder(join(path, 'a'))]).toEqual([
    ['a', 'c'],
    true,
    false,
  ]);
});
