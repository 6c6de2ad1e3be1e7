// Packing a copy of the checkout, and running programs in projects that install the tarballs.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const ROOT = resolve('.');

/** Runs a program to its end in `cwd`, with a user configuration of npm that says nothing; `env` goes before the environment. */
export function run(cwd: string, [program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name) || /registry|cache/i.test(name),
  );
  return execFileSync(program, args, {
    ...{ cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...Object.fromEntries(inherited), NPM_CONFIG_USERCONFIG: '/dev/null', ...env },
  });
}

/** A copy of the checkout without what git ignores: packing builds again, and must not change the build in use. */
export function copyCheckout(target: string): void {
  const list = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  for (const file of run(ROOT, list).split('\0').filter(Boolean)) {
    if (/^(test|bench)\//.test(file) || statSync(file, { throwIfNoEntry: false }) === undefined) continue;
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(file, join(target, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
}

/** What `npm pack --json` says of a tarball. */
export interface PackReport {
  filename: string;
  files: Array<{ path: string; size: number }>;
}

/** Packs `folder`; npm's report is the last thing that it prints. */
export function pack(folder: string, ...flags: string[]): PackReport {
  const output = run(folder, ['npm', 'pack', '--json', '--silent', ...flags]);
  const [report] = JSON.parse(output.replace(/^[^[]*/, '')) as PackReport[];
  if (report === undefined) throw new Error(`npm packed nothing:\n${output}`);
  return report;
}
