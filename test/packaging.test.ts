// What would be packed from this checkout. The tarball itself is built and installed in the slow tier.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from './helpers/files/temporary-folder.js';

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
    /^(dist\/src\/.*\.(js|d\.ts)|dist\/bundle\/.*\.js|dist\/src\/commonjs\.(cjs|d\.cts)|native\/.*\.(cc|h)|vendor\/tfjs-node\/.*|configs\/.*|docs\/[a-z0-9-]+\.md|[A-Z_]+(\.md)?|package\.json)$/;
  expect(report?.files.map((file) => file.path).filter((path) => !allowed.test(path))).toEqual([]);
  expect(report?.files.map((file) => file.path)).toContain('docs/data.md'); // help texts point there
  expect(report?.size).toBeLessThan(5e6);
});

test('the bundled entries export the same names as their modules, and share their classes', () => {
  const code = `
    const [browser, node] = await Promise.all(process.argv.slice(1).map((entry) => import(entry)));
    const shared = Object.keys(browser).filter((name) => browser[name] === node[name]);
    console.log(JSON.stringify({ browser: Object.keys(browser), node: Object.keys(node), shared }));`;
  const exported = (...entries: string[]): { shared: string[] } =>
    JSON.parse(execFileSync('node', ['--input-type=module', '-e', code, ...entries], { encoding: 'utf8' }));
  const bundle = exported('visualbert-tfjs', 'visualbert-tfjs/node');
  expect(bundle).toEqual(exported('./dist/src/index.js', './dist/src/node.js'));
  expect(bundle.shared).toContain('VisualBertModel');
});

test('packing without scripts, which builds nothing, fails and leaves no tarball', () => {
  const folder = temporaryFolder();
  for (const name of ['package.json', '.npmrc']) copyFileSync(name, join(folder, name));
  const { status, stderr } = spawnSync('npm', ['pack'], { cwd: folder, encoding: 'utf8' });
  expect(status).not.toBe(0);
  expect(stderr).toContain('run-npm-pack-with--ignore-scripts=false');
  expect(readdirSync(folder).sort()).toEqual(['.npmrc', 'package.json']);
});

test('publishing runs the scripts that pack, and these say what a checkout without packages lacks', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'tools'));
  for (const name of ['package.json', '.npmrc', 'tools/vendor.mjs']) copyFileSync(name, join(folder, name));
  const { status, stdout, stderr } = spawnSync('npm', ['publish', '--dry-run'], { cwd: folder, encoding: 'utf8' });
  expect(status).not.toBe(0);
  expect(`${stdout}${stderr}`).toMatch(/tools\/vendor\.mjs: node_modules lacks .*; run `npm ci` first\./);
});

test('packed files are at the path that npm reports, and the folder that packing needs is removed', () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'tools'));
  for (const name of ['package.json', 'tools/packed.mjs', 'tools/platforms.mjs'])
    copyFileSync(name, join(folder, name));
  const packed = (to: string): unknown => execFileSync('node', ['tools/packed.mjs', to], { cwd: folder });
  packed('open');
  writeFileSync(join(folder, 'run-npm-pack-with--ignore-scripts=false', 'a.tgz'), '');
  packed('close');
  expect(readdirSync(folder).sort()).toEqual(['a.tgz', 'package.json', 'tools']);
});

test('while it is packed the package names the prebuilt addons of its version that lie in prebuilt/, and no others', () => {
  const folder = temporaryFolder();
  for (const name of ['tools', 'prebuilt']) mkdirSync(join(folder, name));
  for (const name of ['package.json', 'tools/packed.mjs', 'tools/platforms.mjs'])
    copyFileSync(name, join(folder, name));
  const metadata = (): string => readFileSync(join(folder, 'package.json'), 'utf8');
  const before = metadata();
  const { version } = JSON.parse(before) as { version: string };
  for (const name of [`linux-x64-${version}`, 'linux-arm64-0.0.9', `plan9-mips-${version}`])
    writeFileSync(join(folder, 'prebuilt', `visualbert-tfjs-${name}.tgz`), '');
  const packed = (to: string): unknown => execFileSync('node', ['tools/packed.mjs', to], { cwd: folder });
  packed('open');
  expect(JSON.parse(metadata())).toMatchObject({ optionalDependencies: { '@visualbert-tfjs/linux-x64': version } });
  packed('open'); // after a pack that was killed
  packed('close');
  expect(metadata()).toBe(before);
});

test.each([
  [
    'nothing newer',
    'File: libtensorflow_cc.so.2  Name: tensorflow  File: libc.so.6  Name: GLIBC_2.9  Name: GLIBC_2.14  Name: GCC_3.0',
    null,
  ],
  [
    'a newer glibc',
    'File: libc.so.6  Name: GLIBC_2.9  Name: GLIBC_2.34',
    /needs GLIBC_2\.34, which TensorFlow's own libraries do not need/,
  ],
  [
    'libstdc++',
    'File: libstdc++.so.6  Name: GLIBCXX_3.4.21',
    /needs GLIBCXX_3\.4\.21, which is to be linked statically/,
  ],
  ['a feature of the linker', 'File: libc.so.6  Name: GLIBC_ABI_DT_RELR', /needs GLIBC_ABI_DT_RELR/],
])('a prebuilt addon that asks for %s', (_, needs, message) => {
  const folder = temporaryFolder();
  // A stand-in for readelf, whose files hold what it prints.
  writeFileSync(
    join(folder, 'readelf'),
    '#!/bin/sh\nfor file; do :; done\necho .gnu.version_r; while read -r line; do echo "$line"; done < "$file"\n',
  );
  chmodSync(join(folder, 'readelf'), 0o755);
  writeFileSync(
    join(folder, 'libtensorflow_cc.so.2'),
    'File: libc.so.6  Name: GLIBC_2.14  File: x  Name: GLIBCXX_3.4.22\n',
  );
  writeFileSync(
    join(folder, 'libtensorflow_framework.so.2'),
    'File: libc.so.6  Name: GLIBC_2.27  File: libgcc_s.so.1  Name: GCC_3.3\n',
  );
  writeFileSync(join(folder, 'addon.node'), `${needs}\n`);
  const program = `import { requireVersions } from ${JSON.stringify(resolve('tools/elf-versions.mjs'))}; requireVersions('addon.node', '.');`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    ...{ cwd: folder, encoding: 'utf8', env: { PATH: `${folder}:/bin` } },
  });
  if (message !== null) expect(stderr).toMatch(message);
  expect(status).toBe(message === null ? 0 : 1);
});
