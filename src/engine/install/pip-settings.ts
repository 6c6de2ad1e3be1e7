// Where packages come from on this machine: pip's own settings, read as pip reads them, so that a machine set up for pip needs no more.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** pip's settings, as far as fetching a wheel depends on them. */
export interface PipSettings {
  /** Indexes in order of lookup, without trailing slash. */
  indexes: readonly string[];
  /** Folders, or pages of links. */
  findLinks: readonly string[];
  proxy: string | null;
  /** File with the certificates that are trusted instead of Node's. */
  certificates: string | null;
  /** A request without an answer ends after this time. */
  timeoutMs: number;
  /** A setting that only pip understands, such as a client certificate; null when there is none. */
  pipOnly: string | null;
}

const DEFAULT_INDEX = 'https://pypi.org/simple';
const DEFAULT_TIMEOUT_S = 15;

/** Sections that `pip download` reads, the later wins. */
const SECTIONS = ['global', 'download'];

/**
 * Reads PIP_* variables and pip.conf files, later sources override earlier ones: machine, user, virtual environment, PIP_CONFIG_FILE, variables.
 * @see https://pip.pypa.io/en/stable/topics/configuration/
 */
export function pipSettings(env: NodeJS.ProcessEnv = process.env): PipSettings {
  const values = new Map<string, string>();
  for (const file of configFiles(env)) {
    const sections = parseConfig(readIfThere(file));
    for (const name of SECTIONS) for (const [key, value] of sections.get(name) ?? []) values.set(key, value);
  }
  for (const [name, value = ''] of Object.entries(env)) {
    if (/^PIP_/i.test(name) && value !== '') values.set(normal(name.slice('PIP_'.length)), value);
  }
  const list = (key: string): string[] => (values.get(key) ?? '').split(/\s+/).filter(Boolean);
  const isOn = (key: string): boolean => /^(1|true|yes|on|y|t)$/i.test(values.get(key) ?? '');
  const keyring = values.get('keyring-provider') ?? 'auto';
  const indexes = isOn('no-index') ? [] : [values.get('index-url') ?? DEFAULT_INDEX, ...list('extra-index-url')];
  return {
    indexes: indexes.map((index) => index.replace(/\/+$/, '')),
    findLinks: list('find-links'),
    proxy: values.get('proxy') ?? null,
    certificates: values.get('cert') ?? env['REQUESTS_CA_BUNDLE'] ?? null,
    timeoutMs: 1000 * (Number(values.get('timeout') ?? values.get('default-timeout')) || DEFAULT_TIMEOUT_S),
    pipOnly: values.has('client-cert')
      ? 'client-cert'
      : list('trusted-host').length > 0
        ? 'trusted-host'
        : /^(auto|disabled)$/.test(keyring)
          ? null
          : 'keyring-provider',
  };
}

/** Files in pip's order. PIP_CONFIG_FILE=/dev/null turns all of them off. */
function configFiles(env: NodeJS.ProcessEnv): string[] {
  const own = env['PIP_CONFIG_FILE'];
  if (own === '/dev/null') return [];
  const home = env['HOME'] ?? homedir();
  const isMac = process.platform === 'darwin';
  const machine = isMac
    ? ['/Library/Application Support/pip/pip.conf']
    : [
        ...(env['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').map((folder) => join(folder, 'pip/pip.conf')),
        '/etc/pip.conf',
      ];
  const user = [
    join(home, '.pip/pip.conf'),
    join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'pip/pip.conf'),
    ...(isMac ? [join(home, 'Library/Application Support/pip/pip.conf')] : []),
  ];
  const environment = env['VIRTUAL_ENV'] ? [join(env['VIRTUAL_ENV'], 'pip.conf')] : [];
  return [...machine, ...user, ...environment, ...(own ? [own] : [])];
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Sections of a file as Python's configparser reads them: an indented line continues the value above it, which the npm packages for INI files do not support. */
function parseConfig(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  let key: string | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const [, title] = /^\[(.+)\]\s*$/.exec(line) ?? [];
    const [, name, value] = /^([^=:\s][^=:]*)[=:](.*)$/.exec(line) ?? [];
    if (title !== undefined) {
      section = sections.get(title) ?? new Map<string, string>();
      sections.set(title, section);
      key = null;
    } else if (/^\s/.test(line)) {
      if (key !== null) section.set(key, `${section.get(key)}\n${line.trim()}`.trim());
    } else if (name !== undefined && value !== undefined) {
      key = normal(name.trim());
      section.set(key, value.trim());
    }
  }
  return sections;
}

/** A setting's name as pip normalizes it. */
function normal(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
