// What would be packed from this checkout. The tarball itself is built and installed in the slow tier.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

interface PackReport {
  size: number;
  files: Array<{ path: string }>;
}

test('packing takes code, C++ sources, presets, pages of documentation and licences, and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--silent'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [report] = JSON.parse(output) as PackReport[];
  const allowed =
    /^(dist\/(src|scripts)\/.*\.(js|d\.ts)|dist\/src\/commonjs\.(cjs|d\.cts)|native\/.*\.(cc|h)|vendor\/tfjs-node\/.*|configs\/.*|docs\/[a-z0-9-]+\.md|[A-Z_]+(\.md)?|package\.json)$/;
  expect(report?.files.map((file) => file.path).filter((path) => !allowed.test(path))).toEqual([]);
  expect(report?.files.map((file) => file.path)).toContain('docs/data.md'); // help texts point there
  expect(report?.size).toBeLessThan(5e6);
});

test('packing without scripts, which builds nothing, fails and leaves no tarball', () => {
  const folder = mkdtempSync(join(tmpdir(), 'packaging-'));
  try {
    for (const name of ['package.json', '.npmrc']) copyFileSync(name, join(folder, name));
    const { status, stderr } = spawnSync('npm', ['pack'], { cwd: folder, encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('run-npm-pack-with--ignore-scripts=false');
    expect(readdirSync(folder).sort()).toEqual(['.npmrc', 'package.json']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('publishing runs the scripts that pack, and these say what a checkout without packages lacks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'packaging-'));
  try {
    mkdirSync(join(folder, 'tools'));
    for (const name of ['package.json', '.npmrc', 'tools/vendor.mjs', 'tools/packed.mjs'])
      copyFileSync(name, join(folder, name));
    const { status, stdout, stderr } = spawnSync('npm', ['publish', '--dry-run'], { cwd: folder, encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(`${stdout}${stderr}`).toMatch(/tools\/vendor\.mjs: node_modules lacks .*; run `npm ci` first\./);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('packed files lie where npm says, and the folder that packing needs is gone again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'packaging-'));
  try {
    mkdirSync(join(folder, 'tools'));
    copyFileSync('tools/packed.mjs', join(folder, 'tools', 'packed.mjs'));
    const packed = (to: string): unknown => execFileSync('node', ['tools/packed.mjs', to], { cwd: folder });
    packed('open');
    writeFileSync(join(folder, 'run-npm-pack-with--ignore-scripts=false', 'a.tgz'), '');
    packed('close');
    expect(readdirSync(folder).sort()).toEqual(['a.tgz', 'tools']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
