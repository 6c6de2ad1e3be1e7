// Passwords of ~/.netrc, which pip sends to indexes. The npm packages that read it have had no release for years.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Name and password for a host. */
interface Login {
  name: string;
  password: string;
}

/** The login of a host in NETRC, ~/.netrc or ~/_netrc, the first that exists; null without one. */
export function netrcLogin(host: string): Login | null {
  const { env } = process;
  const home = env['HOME'] ?? homedir();
  const files = env['NETRC'] ? [env['NETRC']] : [join(home, '.netrc'), join(home, '_netrc')];
  for (const file of files) {
    try {
      return loginOf(readFileSync(file, 'utf8'), host);
    } catch {
      continue;
    }
  }
  return null;
}

/** Tokens in pairs after `machine HOST` or `default`; what follows `macdef` is text up to an empty line. */
function loginOf(text: string, host: string): Login | null {
  const tokens =
    text
      .replace(/^macdef[^]*?(\n\n|$(?![^]))/gm, '')
      .replace(/(^|\s)#.*$/gm, '')
      .match(/\S+/g) ?? [];
  for (let at = 0; at < tokens.length;) {
    const word = tokens[at++];
    if (word !== 'default' && word !== 'machine') continue;
    const isMeant = word === 'default' || tokens[at++] === host;
    const values = new Map<string, string>();
    while (/^(login|user|account|password)$/.test(tokens[at] ?? '')) {
      values.set(tokens[at] === 'user' ? 'login' : (tokens[at] ?? ''), tokens[at + 1] ?? '');
      at += 2;
    }
    if (isMeant) return { name: values.get('login') ?? '', password: values.get('password') ?? '' };
  }
  return null;
}
