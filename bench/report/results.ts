// Updates docs/results.md: each study replaces the text between its two markers.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join('docs', 'results.md');
const HEADING = '# Results\n\nResults with the commands that produced them. Each section is written by its command.\n';

/** Puts `text` between the markers of `name`, which are added at the end when they are not there. */
export function writeSection(name: string, text: string): void {
  const page = existsSync(FILE) ? readFileSync(FILE, 'utf8') : HEADING;
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const section = `${open}\n${text.trim()}\n${close}`;
  const [from, to] = [page.indexOf(open), page.indexOf(close)];
  const next =
    from >= 0 && to > from
      ? page.slice(0, from) + section + page.slice(to + close.length)
      : `${page.trimEnd()}\n\n${section}\n`;
  writeFileSync(FILE, next);
}
