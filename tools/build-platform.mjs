// Builds the npm packages with prebuilt addons: `npm run build:platform [-- PLATFORM...] [--out FOLDER]`, by default for this machine into prebuilt/.
// Needs a build, g++ (for linux-arm64 on another machine: aarch64-linux-gnu-g++) or Apple's clang, and readelf. The same sources give the same bytes.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon, findCompiler } from '../dist/src/engine/install/build-addon.js';
import { installLibraries } from '../dist/src/engine/install/libraries.js';
import { platformPackage } from '../dist/src/engine/install/prebuilt.js';
import { wheelPlan } from '../dist/src/engine/install/wheel-table.js';
import { DEFAULT_TENSORFLOW } from '../dist/src/engine/load/engine-id.js';
import {
  addonPath,
  addonSources,
  enginesFolder,
  hasLibraries,
  librariesFolder,
} from '../dist/src/engine/load/paths.js';
import { requireVersions } from './elf-versions.mjs';
import { mainPackage, PLATFORMS, PREBUILT, ROOT, tarballOf } from './platforms.mjs';

/** GNU: libstdc++ inside and hidden, nothing of it that is not used, the symbols of an old glibc, no paths and names of this machine. */
const GNU_FLAGS = [
  ...['-static-libstdc++', '-ffunction-sections', '-Wl,--gc-sections', '-Wl,--exclude-libs,ALL'],
  ...['-s', '-Wl,--build-id=none', `-ffile-prefix-map=${ROOT}=.`, join(ROOT, 'native', 'portable', 'glibc.cc')],
];
/** The minimum version that TensorFlow's wheel for macOS requires. */
const APPLE_FLAGS = ['-mmacosx-version-min=12.0'];

const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });
const here = `${process.platform}-${process.arch}`;
for (const platform of positionals.length > 0 ? positionals : [here]) {
  if (!PLATFORMS.includes(platform))
    throw new Error(`tools/build-platform.mjs: expected platforms of ${PLATFORMS.join(', ')}, received '${platform}'.`);
  console.log(await buildPackage(platform, resolve(values.out ?? PREBUILT)));
}

/** Returns the tarball's path. */
async function buildPackage(name, out) {
  const [platform, arch] = name.split('-');
  const id = { tensorflow: DEFAULT_TENSORFLOW, device: 'cpu', platform, arch };
  if (!hasLibraries(id)) await fetchLibraries(id);
  const compiler = name === 'linux-arm64' && here !== name ? 'aarch64-linux-gnu-g++' : await findCompiler();
  const flags = platform === 'linux' ? GNU_FLAGS : APPLE_FLAGS;
  const folder = mkdtempSync(join(tmpdir(), 'visualbert-platform-'));
  try {
    for (const addon of addonSources()) {
      const file = join(folder, addonPath(id, addon));
      mkdirSync(dirname(file), { recursive: true });
      await buildAddon(compiler, addon, librariesFolder(id), file, flags);
      if (platform === 'linux') requireVersions(file, join(librariesFolder(id), 'tensorflow'));
    }
    writeMetadata(folder, id);
    mkdirSync(out, { recursive: true });
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', out], { cwd: folder });
    return join(out, tarballOf(name, mainPackage().version));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** TensorFlow's libraries of a platform, which the addons are linked to: into the cache, as for an engine. */
async function fetchLibraries(id) {
  mkdirSync(enginesFolder(), { recursive: true });
  const host = { platform: id.platform, arch: id.arch, glibc: '2.27' };
  await installLibraries(id, wheelPlan(host, id.device), () => undefined);
}

function writeMetadata(folder, { platform, arch, tensorflow }) {
  const { version, license, repository, homepage, bugs, engines } = mainPackage();
  const name = platformPackage({ platform, arch });
  const what = `Native addons of visualbert-tfjs ${version} for ${platform} ${arch}`;
  const metadata = {
    ...{ name, version, description: what, license, repository, homepage, bugs, engines, files: ['addons'] },
    ...{ os: [platform], cpu: [arch], ...(platform === 'linux' ? { libc: ['glibc'] } : {}), preferUnplugged: true },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(metadata, null, 2)}\n`);
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}\n\n${what}, linked to TensorFlow ${tensorflow}. \`visualbert engine install\` uses them instead of compiling. ` +
      'They hold the C++ binding of @tensorflow/tfjs-node-gpu (Copyright Google LLC, Apache-2.0)' +
      `${platform === 'linux' ? ' and parts of libstdc++ (GPL-3.0 with the GCC Runtime Library Exception)' : ''}.\n`,
  );
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
}
