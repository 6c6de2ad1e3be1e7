// Prepares a fresh clone (npm packages, build, engine), then runs one of the project's jobs. Requires only Node.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/** Job -> the Node program that it runs. */
const JOBS = {
  test: JEST,
  'test:slow': [...JEST, '--config', 'jest.slow.config.mjs', '--runInBand'],
  'test:gpu': [...JEST, '--config', 'jest.gpu.config.mjs', '--runInBand'],
  quickstart: ['dist/examples/quickstart.js'],
  'example:browser': ['dist/examples/browser/serve.js'],
  docs: ['tools/build-docs.mjs'],
  bench: ['dist/bench/run.js'],
  'gpu-report': ['dist/bench/gpu/report.js'],
};

const [job = '', ...rest] = process.argv.slice(2);
const program = JOBS[job];
if (program === undefined) {
  console.error(`tools/bootstrap.mjs: expected one of ${Object.keys(JOBS).join(', ')}, received '${job}'.`);
  process.exit(2);
}
process.chdir(ROOT);
requireNode();
if (job === 'test:gpu') requireGpu();
installPackages();
if (job !== 'docs') build(); // the site is made from the sources
// The report installs its own engine.
if (!['docs', 'gpu-report'].includes(job)) installEngine(job === 'test:gpu' ? ['--gpu'] : ['--if-missing']);
process.exit(run(process.execPath, [...program, ...rest]));

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`visualbert-tfjs needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/** NVIDIA's driver, of Linux itself or of WSL2. */
function requireGpu() {
  if (['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'].some(existsSync)) {
    process.env.VISUALBERT_DEVICE = 'gpu';
    return;
  }
  console.log('The gpu tier is skipped: this machine has no NVIDIA driver.');
  process.exit(0);
}

function installPackages() {
  if (packagesAreInstalled()) return;
  console.error('npm packages: installing into node_modules, which takes about a minute');
  // Set by the npm that started this script.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const status = npm?.endsWith('.js') ? run(process.execPath, [npm, ...args]) : run('npm', args);
  if (status !== 0) process.exit(status);
}

/** npm writes what it has installed into a lock file inside node_modules: it is compared with the one of the checkout. */
function packagesAreInstalled() {
  const [wanted, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map(lockedPackages);
  if (wanted === null || installed === null) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' || (installed[path] === undefined ? optional || devOptional : installed[path].version === version),
  );
}

function lockedPackages(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}

function build() {
  const newest = Math.max(
    ...['src', 'scripts', 'examples', 'bench'].map(newestIn),
    modified('tsconfig.json'),
    modified('tsconfig.build.json'),
    modified('tools/bundle.mjs'),
  );
  if (modified('dist/.built') > newest) return;
  console.error('TypeScript: building, about half a minute');
  for (const step of [['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], ['tools/bundle.mjs']]) {
    const status = run(process.execPath, step);
    if (status !== 0) process.exit(status);
  }
  writeFileSync('dist/.built', '');
}

/** Without an engine the job continues on WebAssembly; anything that needs the engine reports it. */
function installEngine(flags) {
  const status = run(process.execPath, ['dist/bundle/visualbert.js', 'engine', 'install', ...flags], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0)
    console.error('\nGoing on without the native engine, on WebAssembly: training and its tests are left out.');
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newestIn(folder) {
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.reduce((newest, entry) => {
    const path = join(folder, entry.name);
    return Math.max(newest, entry.isDirectory() ? newestIn(path) : modified(path));
  }, modified(folder));
}
