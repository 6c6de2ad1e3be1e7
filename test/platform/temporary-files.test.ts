// What processes leave behind that were killed while they wrote.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createSink } from '../../src/platform/node.js';
import { ownerName, temporaryBeside } from '../../src/platform/temporary-files.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

test('the next writer in a folder removes what dead processes left there, and nothing else', async () => {
  const folder = temporaryFolder();
  const [own = '', machine = '', started = ''] = ownerName().split('-');
  const child = spawn('sleep', ['60']);
  try {
    const nameOf = (owner: string): string => `.model.safetensors.${owner}-0123abcd.tmp`;
    const dead = [nameOf(`4194305-${machine}-${started}`), nameOf(`${own}-${machine}-1`), nameOf(`9-ffffffff-9`)];
    const living = [
      basename(temporaryBeside(join(folder, 'other.bin'))),
      nameOf(`${child.pid}-${machine}-`),
      nameOf('8-ffffffff-9'), // of another machine, and still growing
      '.hidden.tmp',
      'model.safetensors',
    ];
    for (const name of [...dead, ...living]) writeFileSync(join(folder, name), '');
    utimesSync(join(folder, dead[2] ?? ''), new Date(0), new Date(0));
    const sink = await createSink(join(folder, 'new.bin'));
    await sink.close();
    expect(readdirSync(folder).sort()).toEqual([...living, 'new.bin'].sort());
  } finally {
    child.kill();
  }
});

test('a process that is killed while it writes leaves nothing for long', async () => {
  const folder = temporaryFolder();
  const code = `
    const { createSink } = await import(${JSON.stringify(new URL('../../dist/src/platform/node.js', import.meta.url).href)});
    const sink = await createSink(${JSON.stringify(join(folder, 'weights.bin'))});
    await sink.write(new Uint8Array(5 << 20));
    console.log('written');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
  await once(child.stdout, 'data');
  expect(readdirSync(folder)).toHaveLength(1);
  child.kill('SIGKILL');
  await once(child, 'close');
  await (await createSink(join(folder, 'other.bin'))).close();
  expect(readdirSync(folder)).toEqual(['other.bin']);
});
