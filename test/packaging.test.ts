// What would be packed from this checkout. The tarball itself is built and installed in the slow tier.
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

interface PackReport {
  size: number;
  files: Array<{ path: string }>;
}

test('packing takes code, C++ sources, presets and licences, and nothing else', () => {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--silent'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [report] = JSON.parse(output) as PackReport[];
  const allowed =
    /^(dist\/(src|scripts)\/.*\.(js|d\.ts)|dist\/src\/commonjs\.(cjs|d\.cts)|native\/.*\.(cc|h)|vendor\/tfjs-node\/.*|configs\/.*|[A-Z_]+(\.md)?|package\.json)$/;
  expect(report?.files.map((file) => file.path).filter((path) => !allowed.test(path))).toEqual([]);
  expect(report?.size).toBeLessThan(5e6);
});
