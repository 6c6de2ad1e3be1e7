// Files that exist only while `npm pack` runs: `packed.mjs open` before and `packed.mjs close` after.
// The first is the folder that .npmrc names for tarballs: packing without scripts, which would pack no code, fails without it. The second are the
// optional dependencies on the packages with prebuilt addons that `npm run build:platform` has built: in the checkout's package.json they would
// break `npm ci` as long as the registry lacks them.
import { mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtPlatforms, mainPackage, PREBUILT, ROOT } from './platforms.mjs';

/** npm's error message contains this name if the folder is missing, so it says what to do. */
const PACKED = join(ROOT, 'run-npm-pack-with--ignore-scripts=false');
const isClosing = process.argv[2] === 'close';

mkdirSync(PACKED, { recursive: true });
writePlatforms(isClosing ? [] : builtPlatforms(PREBUILT, mainPackage().version));
if (isClosing) {
  // The path that npm reports.
  for (const name of readdirSync(PACKED)) renameSync(join(PACKED, name), join(ROOT, name));
  rmdirSync(PACKED);
}

function writePlatforms(platforms) {
  const { optionalDependencies, ...rest } = mainPackage();
  if (optionalDependencies === undefined && platforms.length === 0) return;
  const entries = platforms.map((platform) => [`@visualbert-tfjs/${platform}`, rest.version]);
  const metadata = entries.length === 0 ? rest : { ...rest, optionalDependencies: Object.fromEntries(entries) };
  writeFileSync(join(ROOT, 'package.json'), `${JSON.stringify(metadata, null, 2)}\n`);
}
