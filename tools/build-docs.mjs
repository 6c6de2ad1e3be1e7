// Builds the documentation site in dist/docs: the API pages with TypeDoc, then all pages with VitePress.
import { spawnSync } from 'node:child_process';

for (const program of [
  ['node_modules/typedoc/bin/typedoc'],
  ['node_modules/vitepress/bin/vitepress.js', 'build', 'docs'],
]) {
  const { status } = spawnSync(process.execPath, program, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
console.log(
  'Site: open dist/docs/index.html, or run `npx vitepress preview docs` for a local server, with search and a menu on narrow screens.',
);
