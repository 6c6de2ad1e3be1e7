// Addons that were compiled beforehand, in a package for each platform that npm chooses by `os`, `cpu` and `libc`.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type EngineId } from '../load/engine-id.js';
import { addonPath, addonSources, type AddonSource, installedFile } from '../load/paths.js';

/** The npm package with the addons of a platform; `npm run build:platform` makes it. */
export function platformPackage({ platform, arch }: Pick<EngineId, 'platform' | 'arch'>): string {
  return `@visualbert-tfjs/${platform}-${arch}`;
}

/** The file of a prebuilt addon. Null without the package, and where it was built from other sources or for another TensorFlow. */
export function prebuiltAddon(id: EngineId, addon: AddonSource): string | null {
  const metadata = installedFile(`${platformPackage(id)}/package.json`);
  if (metadata === null) return null;
  const file = join(dirname(metadata), addonPath(id, addon));
  return existsSync(file) ? file : null;
}

/** Whether every addon of an engine is there without compiling. */
export function hasPrebuiltAddons(id: EngineId): boolean {
  return addonSources().every((addon) => prebuiltAddon(id, addon) !== null);
}
