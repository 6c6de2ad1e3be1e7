// Pages of a package index: the files of a project, as JSON or as HTML.
// https://packaging.python.org/en/latest/specifications/simple-repository-api/
import { Parser } from 'htmlparser2';

/** One file of a project. */
export interface IndexLink {
  fileName: string;
  /** Absolute. */
  url: string;
  /** Lower-case hex; null when the page states none. */
  sha256: string | null;
}

/** Accepted content types, the preferred one first. */
export const INDEX_TYPES =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1';

/**
 * The files that a page names.
 * @param at address of the page, which relative links start from
 * @throws SyntaxError for invalid JSON
 */
export function indexLinks(text: string, contentType: string, at: string): IndexLink[] {
  return /^application\/(vnd\.pypi\.simple\.v\d+\+)?json\b/i.test(contentType)
    ? jsonLinks(text, at)
    : htmlLinks(text, at);
}

function jsonLinks(text: string, at: string): IndexLink[] {
  const { files } = JSON.parse(text) as { files?: unknown };
  return (Array.isArray(files) ? files : []).flatMap((file: unknown) => {
    const { filename, url, hashes } = (file ?? {}) as Record<string, unknown>;
    if (typeof filename !== 'string' || typeof url !== 'string') return [];
    return link(filename, url, (hashes as Record<string, unknown> | null)?.['sha256'], at);
  });
}

function htmlLinks(text: string, at: string): IndexLink[] {
  const links: IndexLink[] = [];
  let base = at;
  const parser = new Parser({
    onopentag: (name, { href }) => {
      if (href === undefined) return;
      if (name === 'base' && URL.canParse(href, at)) base = new URL(href, at).href;
      if (name !== 'a') return;
      const [address = '', fragment = ''] = href.split('#');
      links.push(...link(fileNameOf(address), address, new URLSearchParams(fragment).get('sha256'), base));
    },
  });
  parser.end(text);
  return links;
}

/** The last part of an address's path. */
function fileNameOf(address: string): string {
  const name = address.replace(/\?.*$/s, '').split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function link(fileName: string, address: string, sha256: unknown, base: string): IndexLink[] {
  if (!URL.canParse(address, base)) return [];
  const isHash = typeof sha256 === 'string' && /^[0-9a-f]{64}$/i.test(sha256);
  return [{ fileName, url: new URL(address, base).href, sha256: isHash ? sha256.toLowerCase() : null }];
}
