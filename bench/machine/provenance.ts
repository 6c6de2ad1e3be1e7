// What measurements were made with: the version of the package and its commit, and the machine.
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { availableParallelism, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { instructions, processorName } from '../../src/doctor/machine.js';
import { currentHost, type Wheel } from '../../src/engine/install/wheel-table.js';
import { gigabytes } from '../../src/words.js';

/**
 * A Markdown table of them.
 * @param root the folder of the package
 * @param wheels with TensorFlow's libraries and CUDA's
 */
export function provenance(root: string, wheels: readonly Wheel[], now = new Date()): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const { platform, arch, glibc } = currentHost();
  const rows = {
    date: now.toISOString(),
    package: `visualbert-tfjs ${version}, ${commitOf(root)}`,
    processor: [processorName(), `${availableParallelism()} cores`, instructions().join(' ')]
      .filter(Boolean)
      .join(', '),
    memory: gigabytes(totalmem()),
    system: [distribution(), `${type()} ${release()}`, `${platform} ${arch}`, glibc && `glibc ${glibc}`]
      .filter(Boolean)
      .join(', '),
    Node: process.versions.node,
    GPU: cards(),
    libraries: wheels.map((wheel) => `${wheel.name} ${wheel.version}`).join(', '),
  };
  const lines = Object.entries(rows).map(([name, text]) => `| ${name} | ${text.replaceAll('|', '\\|')} |`);
  return ['| | |', '|---|---|', ...lines].join('\n');
}

/** The commit that is checked out, and whether files that git knows differ from it. */
export function commitOf(root: string): string {
  const top = output('git', ['-C', root, 'rev-parse', '--show-toplevel']);
  const commit = output('git', ['-C', root, 'rev-parse', 'HEAD']);
  // A package that was unpacked inside another repository has no commit of its own.
  if (top === null || commit === null || realpathSync(top) !== realpathSync(root)) return 'no git checkout';
  const changes = output('git', ['-C', root, 'status', '--porcelain', '--untracked-files=no']);
  return `commit ${commit}${changes === '' ? '' : ' (modified)'}`;
}

function distribution(): string | null {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

function cards(): string {
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
  const lines = output('nvidia-smi', query)?.split('\n') ?? [];
  return lines.map((line) => line.replace(/, ([^,]*)$/, ', driver $1')).join('; ') || 'none that nvidia-smi finds';
}

/** What a program prints; null where it fails or does not exist. */
function output(program: string, args: readonly string[]): string | null {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}
