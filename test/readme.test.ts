// The code blocks of the README run as they stand there: a block marked `no-run` is only checked for names that exist.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync, symlinkSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as surface from '../src/node.js';

const README = readFileSync('README.md', 'utf8');
const BLOCKS = [...README.matchAll(/```ts( no-run)?\n([\s\S]*?)```/g)].map((match) => ({
  runs: match[1] === undefined,
  code: match[2] ?? '',
}));

const hasEngine = surface.startBackend.backend === 'tensorflow';
if (!hasEngine)
  process.stderr.write(`skipped: the first result trains on the engine; ${surface.startBackend.reason}\n`);

describe('README', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'visualbert-readme-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve('.'), join(folder, 'node_modules', 'visualbert-tfjs'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('imports only what the package exports', () => {
    const names = BLOCKS.flatMap(({ code }) =>
      [...code.matchAll(/import \{([^}]*)\} from 'visualbert-tfjs\/node'/g)].flatMap((m) =>
        (m[1] ?? '').split(',').map((n) => n.trim()),
      ),
    );
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !(name in surface))).toEqual([]);
  });

  (hasEngine ? test : test.skip)(
    'reaches a first result in ten lines: the loss falls and the saved folder is complete',
    () => {
      const block = BLOCKS.find(({ runs }) => runs)?.code ?? '';
      const lines = block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('import'));
      expect(lines.length).toBeLessThanOrEqual(10);
      writeFileSync(join(folder, 'first.mjs'), block);
      const { stdout, stderr, status } = spawnSync(process.execPath, ['first.mjs'], { cwd: folder, encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const losses = stdout.trim().split('\n').map(Number);
      expect(losses).toHaveLength(20);
      expect(losses[0]).toBeCloseTo(Math.log(3), 0); // three classes, nothing learnt yet
      expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 4);
      expect(readdirSync(join(folder, 'my-visualbert')).sort()).toEqual(['config.json', 'model.safetensors']);
    },
  );
});
