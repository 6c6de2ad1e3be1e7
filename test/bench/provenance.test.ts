// What a report says of the version, the commit and the machine that it was made with.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import { commitOf, provenance } from '../../bench/machine/provenance.js';
import { temporaryFolder } from '../helpers/files/temporary-folder.js';

let root: string;
beforeEach(() => {
  root = temporaryFolder();
  writeFileSync(join(root, 'package.json'), '{ "version": "1.2.3" }');
});

/** Git without the settings of the user. */
function git(...args: string[]): string {
  const settings = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false'];
  return execFileSync('git', ['-C', root, ...settings, ...args], { encoding: 'utf8' }).trim();
}

test('names the commit, and that a file of it was modified', () => {
  expect(commitOf(root)).toBe('no git checkout');
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'first');
  const commit = git('rev-parse', 'HEAD');
  writeFileSync(join(root, 'gpu-report.md'), 'of an earlier call');
  expect(commitOf(root)).toBe(`commit ${commit}`);
  writeFileSync(join(root, 'package.json'), '{ "version": "1.2.4" }');
  expect(commitOf(root)).toBe(`commit ${commit} (modified)`);
  mkdirSync(join(root, 'unpacked'));
  expect(commitOf(join(root, 'unpacked'))).toBe('no git checkout'); // the commit is of the repository around it
});

test('is a table of version, machine, libraries and date', () => {
  const wheel = { name: 'tensorflow', version: '2.21.0', tags: [], sha256: null, bytes: 1 };
  const table = provenance(root, [wheel, { ...wheel, name: 'nvidia-cudnn-cu12', version: '9' }], new Date(0));
  const cells = table.split('\n').map((line) => line.slice(2, -2).split(' | '));
  const facts = Object.fromEntries(cells) as Record<string, string>;
  expect(facts).toMatchObject({
    date: '1970-01-01T00:00:00.000Z',
    package: 'visualbert-tfjs 1.2.3, no git checkout',
    Node: process.versions.node,
    libraries: 'tensorflow 2.21.0, nvidia-cudnn-cu12 9',
  });
  expect(facts['processor']).toContain(`, ${availableParallelism()} cores`);
  expect(facts['memory']).toMatch(/^\d[\d.]* GB$/);
  expect(facts['system']).toContain(`${process.platform} ${process.arch}`);
  expect(facts['GPU']).toBeTruthy();
});
