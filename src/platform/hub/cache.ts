// The cache folder that hub clients of every language share: models--owner--name/{blobs,refs,snapshots}.
import { copyFile, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileDigest } from '../file-digest.js';
import { makeFolder } from '../files.js';
import { removeLeftovers, temporaryBeside } from '../temporary-files.js';

/** Whether an environment variable is set to a true value, as in the Python client. */
export function isSwitchedOn(name: string): boolean {
  return /^(1|on|yes|true)$/i.test(process.env[name] ?? '');
}

/** Whether the environment forbids network access. */
export function isOffline(): boolean {
  return isSwitchedOn('HF_HUB_OFFLINE') || isSwitchedOn('TRANSFORMERS_OFFLINE');
}

/** HF_HOME, or its default. */
function hubHome(): string {
  return process.env['HF_HOME'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
}

/** The cache folder by the environment: HF_HUB_CACHE, its older name, HF_HOME/hub, ~/.cache/huggingface/hub. */
export function defaultCacheDir(): string {
  return process.env['HF_HUB_CACHE'] ?? process.env['HUGGINGFACE_HUB_CACHE'] ?? join(hubHome(), 'hub');
}

/** The access token by the environment or the file that `hf auth login` writes; null when there is none. */
export async function defaultToken(): Promise<string | null> {
  const set = process.env['HF_TOKEN'] ?? process.env['HUGGING_FACE_HUB_TOKEN'];
  if (set !== undefined) return set.trim() === '' ? null : set.trim();
  const text = await readFile(process.env['HF_TOKEN_PATH'] ?? join(hubHome(), 'token'), 'utf8').catch(() => '');
  return text.trim() === '' ? null : text.trim();
}

/** A full commit id: needs no look-up. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** The files of one repository in the cache. */
export class RepoCache {
  private readonly folder: string;

  constructor(cacheDir: string, repoId: string) {
    this.folder = join(cacheDir, `models--${repoId.replaceAll('/', '--')}`);
  }

  /** The path of an etag's blob. */
  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  /** The path of a commit's file. */
  pointer(commit: string, path: string): string {
    return join(this.folder, 'snapshots', commit, ...path.split('/'));
  }

  /** The last known commit of a branch or tag; null without one. */
  async commitOf(revision: string): Promise<string | null> {
    if (isCommit(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', ...revision.split('/')), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : null;
  }

  /** Records the commit of a branch or tag. */
  async setCommit(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, 'refs', ...revision.split('/'));
    await makeFolder(dirname(path));
    await removeLeftovers(dirname(path));
    const temporary = temporaryBeside(path);
    await writeFile(temporary, commit);
    await rename(temporary, path);
  }

  /** The file of a commit when it is complete in the cache, else null. */
  async find(commit: string, path: string): Promise<string | null> {
    const pointer = this.pointer(commit, path);
    return (await isFile(pointer)) ? pointer : null;
  }

  /** Whether anything of a commit is in the cache. */
  async hasSnapshot(commit: string): Promise<boolean> {
    return stat(join(this.folder, 'snapshots', commit)).then(
      () => true,
      () => false,
    );
  }

  /** Links a commit's file to a blob: a relative link, or a copy where links are not possible. Returns its path. */
  async link(commit: string, path: string, etag: string): Promise<string> {
    const pointer = this.pointer(commit, path);
    await makeFolder(dirname(pointer));
    await removeLeftovers(dirname(pointer));
    const temporary = temporaryBeside(pointer);
    try {
      await symlink(relative(dirname(pointer), this.blob(etag)), temporary);
    } catch {
      await copyFile(this.blob(etag), temporary); // Windows without the permission for links
    }
    await rename(temporary, pointer);
    return pointer;
  }
}

/** Whether a path is a file that can be read. */
export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

/**
 * Whether a file has the contents of its etag: SHA-256 for large files, git's blob id for small ones; true for other etags.
 * @see https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
 */
export async function matchesEtag(path: string, etag: string): Promise<boolean> {
  const isSha256 = /^[0-9a-f]{64}$/.test(etag);
  if (!isSha256 && !isCommit(etag)) return true;
  const digest = isSha256
    ? await fileDigest(path)
    : await fileDigest(path, 'sha1', `blob ${(await stat(path)).size}\0`);
  return digest === etag;
}
