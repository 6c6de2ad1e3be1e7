// A full disk while a store is written: the error names the file, and existing files are kept.
import { appendFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { packFeatures } from '../../../src/features/store/pack.js';
import { resumeStore } from '../../../src/features/store/resume.js';
import { writeNpyFolder } from '../../../src/features/tools.js';
import { memorySource } from '../../../src/features/wrappers.js';
import { regionsWith } from '../../helpers/files/regions.js';
import { mountSmallDisk } from '../../helpers/machine/small-disk.js';

const small = mountSmallDisk();
const { folder: disk, reason } = small;
afterAll(() => small.remove());

/** Fills the disk but for so many bytes, in whole pages. */
function fill(spared: number): void {
  rmSync(join(disk, 'filler'), { force: true });
  writeFileSync(join(disk, 'filler'), '');
  const { bavail, bsize } = statfsSync(disk);
  appendFileSync(join(disk, 'filler'), new Uint8Array(Math.max(0, bavail * bsize - spared)));
}

const source = memorySource('m', Array.from({ length: 40 }, (_, i) => [String(i), regionsWith(new Array<number>(2048).fill(i), 512)])); // prettier-ignore

const title = 'a full disk';
(reason === null ? describe : describe.skip)(reason === null ? title : `${title} (skipped: ${reason})`, () => {
  test('is named with the store, the folder or the part that was being written', async () => {
    const store = join(disk, 'x.vbf');
    fill(64 << 10);
    await expect(packFeatures(source, store)).rejects.toThrow(`${store}: ENOSPC`);
    await expect(writeNpyFolder(source, join(disk, 'npy'))).rejects.toThrow(new RegExp(`${join(disk, 'npy')}/\\d+\\.npy.*ENOSPC|ENOSPC.*${join(disk, 'npy')}`)); // prettier-ignore
    rmSync(join(disk, 'npy'), { recursive: true });
    fill(64 << 10);
    const writer = await resumeStore(
      store,
      { dim: 512, dtype: 'float32', origin: 'test' },
      { isCurrent: async () => true },
    );
    const adding = (async () => {
      for (const id of source.ids()) await writer.add(id, await source.read(id));
    })();
    await expect(adding).rejects.toThrow(`${store}.part: ENOSPC`);
    await writer.close();
    expect(readdirSync(disk).filter((name) => name.startsWith('x.vbf'))).toEqual(['x.vbf.part', 'x.vbf.part.jsonl']);
  });
});
