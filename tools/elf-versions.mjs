// The versions of system libraries that an ELF file requires, except TensorFlow's own libraries.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The newest version of each kind that a file needs, as `{ GLIBC: [2, 27], GLIBCXX: [3, 4, 22] }`. A name without a version is its own kind. */
export function neededVersions(file) {
  const text = execFileSync('readelf', ['--version-info', '--wide', file], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  const libraries = text.slice(text.indexOf('.gnu.version_r')).split('File: ').slice(1);
  const needs = libraries.filter((library) => !library.startsWith('libtensorflow_')).join();
  const newest = {};
  for (const [, name] of needs.matchAll(/Name: (\S+)/g)) {
    const [, kind = name, version = ''] = /^([A-Z]+)_([\d.]+)$/.exec(name) ?? [];
    const numbers = version === '' ? [] : version.split('.').map(Number);
    if (newest[kind] === undefined || compareVersions(numbers, newest[kind]) > 0) newest[kind] = numbers;
  }
  return newest;
}

/** @throws Error for an addon that needs a newer version of anything than TensorFlow's libraries do, or libstdc++ at all */
export function requireVersions(addon, tensorflowFolder) {
  const libraries = readdirSync(tensorflowFolder).filter((name) => /^libtensorflow_(cc|framework)\./.test(name));
  const limits = libraries.map((name) => neededVersions(join(tensorflowFolder, name)));
  for (const [kind, version] of Object.entries(neededVersions(addon))) {
    const isAllowed = limits.some((limit) => limit[kind] !== undefined && compareVersions(version, limit[kind]) <= 0);
    if (isAllowed && !/^(GLIBCXX|CXXABI)$/.test(kind)) continue;
    throw new Error(
      `${basename(addon)} needs ${[kind, ...(version.length > 0 ? [version.join('.')] : [])].join('_')}, which ${isAllowed ? 'is to be linked statically' : "TensorFlow's own libraries do not need"}: ` +
        'see `objdump -T`, and native/portable/glibc.cc.',
    );
  }
}

function compareVersions(a, b) {
  const [difference = 0] = a.map((number, i) => number - (b[i] ?? 0)).filter((d) => d !== 0);
  return difference || a.length - b.length;
}
