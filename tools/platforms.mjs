// The packages with prebuilt addons, one for each platform: npm installs the one that fits the machine.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** The folder that `npm run build:platform` writes the tarballs into. */
export const PREBUILT = join(ROOT, 'prebuilt');

export const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64'];

export function mainPackage() {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

/** The file that npm packs a platform's package into. */
export function tarballOf(platform, version) {
  return `visualbert-tfjs-${platform}-${version}.tgz`;
}

/** The platforms with a tarball of this version. */
export function builtPlatforms(folder, version) {
  return PLATFORMS.filter((platform) => existsSync(join(folder, tarballOf(platform, version))));
}
