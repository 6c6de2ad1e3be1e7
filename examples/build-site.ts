// Bundles a page into a folder that any web server can serve.
import { resolve } from 'node:path';
import { build } from 'vite';

/**
 * @param root the folder of the page's index.html
 * @param outDir its contents are removed first
 * @param alias files by the names that imports use for them
 */
export async function buildSite(root: string, outDir: string, alias: Record<string, string> = {}): Promise<void> {
  await build({
    ...{ root, base: './', configFile: false, logLevel: 'error', resolve: { alias } },
    build: {
      ...{ outDir: resolve(outDir), emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 4000 },
      // Comments in zod that Rollup ignores.
      rollupOptions: { onwarn: (warning, warn) => (warning.code === 'INVALID_ANNOTATION' ? undefined : warn(warning)) },
    },
  });
}
