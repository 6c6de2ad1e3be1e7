// Scripts of pages: statements that call functions of this package, which are in the page by their source.

/**
 * A script of statements. Functions in them may come from a bundle that keeps the names of functions (esbuild, tsx), whose bundler calls `__name`
 * in them.
 */
export function pageScript(statements: string): string {
  return `(() => {
  const __name = (named) => named;
  ${statements}
})();`;
}
