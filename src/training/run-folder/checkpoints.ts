// Checkpoints of a run: folders that are written atomically, verified when read, and rotated.
import { type FileHandle, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeFolder, writeTextAtomic } from '#platform';
import { CheckpointError, errorMessage } from '../../errors.js';
import { syncFolder } from '../../platform/files.js';
import { jsonText } from '../../platform/json-file.js';
import { removeLeftovers, temporaryBeside } from '../../platform/temporary-files.js';

const MANIFEST = 'checkpoint.json';
const CHECKPOINTS = 'checkpoints';
const FORMAT = 1;
/** Prefix of the name of a checkpoint that is kept until its replacement is complete. */
const REPLACED = '.replaced-';
const READ_BYTES = 4 << 20;

/** A checkpoint as found on disk: its folder, the step after which it was written, and the trainer's state in it. */
export interface Checkpoint<S> {
  dir: string;
  step: number;
  state: S;
}

interface Manifest<S> {
  format: number;
  step: number;
  state: S;
  files: Record<string, { bytes: number; crc32: number }>;
}

/** Content of the manifest's file, with its own checksum: a damaged metric would be as wrong as a damaged weight. */
interface SealedManifest<S> extends Manifest<S> {
  crc32: number;
}

/** The checkpoints of one run folder. Writing and removing are atomic: both use a rename. */
export class CheckpointStore<S> {
  private readonly root: string;

  constructor(runDir: string) {
    this.root = join(runDir, CHECKPOINTS);
  }

  /** Folder of a step's checkpoint. */
  dirOf(step: number): string {
    return join(this.root, `step-${String(step).padStart(8, '0')}`);
  }

  /** Steps that have a checkpoint, oldest first. */
  async steps(): Promise<number[]> {
    const names = await readdir(this.root).catch(() => []);
    return names
      .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Removes incomplete folders of a killed process, and restores a checkpoint that it was replacing. */
  async clean(): Promise<void> {
    const names = await readdir(this.root).catch((): string[] => []);
    for (const name of names) {
      const replaced = name.startsWith(REPLACED) ? name.slice(REPLACED.length) : null;
      if (replaced !== null && !names.includes(replaced))
        await rename(join(this.root, name), join(this.root, replaced));
      else if (name.startsWith('.')) await rm(join(this.root, name), { recursive: true, force: true });
    }
  }

  /**
   * Writes a checkpoint: `fill` writes files into a hidden folder, which is renamed once everything is on disk.
   * After an error the older checkpoints are unchanged.
   */
  async write(step: number, state: S, fill: (dir: string) => Promise<void>): Promise<string> {
    const temporary = join(this.root, `.writing-${basename(this.dirOf(step))}-${process.pid}`);
    try {
      await rm(temporary, { recursive: true, force: true });
      await makeFolder(temporary);
      await fill(temporary);
      const manifest: Manifest<S> = { format: FORMAT, step, state, files: await sums(temporary) };
      const sealed: SealedManifest<S> = { ...manifest, crc32: sealOf(manifest) };
      await writeTextAtomic(join(temporary, MANIFEST), jsonText(sealed));
      await this.put(temporary, step);
    } catch (error) {
      await this.clean().catch(() => undefined); // report the original error instead
      const older = (await this.steps()).at(-1);
      throw new CheckpointError(
        `${this.dirOf(step)}: could not be written (${errorMessage(error)}); ` +
          (older === undefined ? 'there is no older one' : `${this.dirOf(older)} is intact`),
        { cause: error },
      );
    }
    return this.dirOf(step);
  }

  /**
   * The newest valid checkpoint; damaged ones are renamed and reported.
   * @throws CheckpointError when there are checkpoints but none is valid
   */
  async newest(report: (line: string) => void): Promise<Checkpoint<S> | null> {
    const steps = await this.steps();
    for (const step of steps.toReversed()) {
      const dir = this.dirOf(step);
      try {
        return { dir, step, state: await readChecked<S>(dir, step) };
      } catch (error) {
        if (!(error instanceof CheckpointError)) throw error;
        report(`${error.message}; going back to an older checkpoint`);
        await rename(dir, join(this.root, `damaged-${basename(dir)}-${Date.now()}`));
      }
    }
    if (steps.length > 0)
      throw new CheckpointError(`${this.root}: every checkpoint is damaged; start a new run in another folder`);
    return null;
  }

  /** The problem of a step's checkpoint; null when it is valid. */
  async problemOf(step: number): Promise<string | null> {
    return readChecked<S>(this.dirOf(step), step).then(() => null, errorMessage);
  }

  /** Removes all checkpoints but the newest `keep` and those of the `spared` steps. */
  async rotate(keep: number, spared: readonly number[]): Promise<void> {
    const steps = await this.steps();
    for (const step of steps.slice(0, Math.max(0, steps.length - keep))) {
      if (!spared.includes(step)) await this.remove(step);
    }
  }

  /** Renames a complete checkpoint to its final name. An existing one is renamed first, so that one of them can be found at any time. */
  private async put(temporary: string, step: number): Promise<void> {
    const aside = join(this.root, `${REPLACED}${basename(this.dirOf(step))}`);
    await renameIfThere(this.dirOf(step), aside);
    await rename(temporary, this.dirOf(step));
    await syncFolder(this.root);
    await rm(aside, { recursive: true, force: true });
  }

  private async remove(step: number): Promise<void> {
    const doomed = join(this.root, `.removing-${basename(this.dirOf(step))}-${process.pid}`);
    await rm(doomed, { recursive: true, force: true });
    await renameIfThere(this.dirOf(step), doomed);
    await rm(doomed, { recursive: true, force: true });
  }
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

/** Copies the files of a folder into another, each atomically; as hard links where the file system supports them. */
export async function publishFiles(from: string, to: string, names: readonly string[]): Promise<void> {
  await makeFolder(to);
  await removeLeftovers(to);
  for (const name of names) {
    const temporary = temporaryBeside(join(to, name));
    await link(join(from, name), temporary).catch(async () => {
      const { copyFile } = await import('node:fs/promises');
      await copyFile(join(from, name), temporary);
    });
    await rename(temporary, join(to, name));
    await rm(temporary, { force: true }); // a rename between two links of one file does nothing
  }
}

async function readChecked<S>(dir: string, step: number): Promise<S> {
  const fail = (text: string): never => {
    throw new CheckpointError(`${dir}: ${text}`);
  };
  let parsed: SealedManifest<S> | null;
  try {
    parsed = JSON.parse(await readFile(join(dir, MANIFEST), 'utf8')) as SealedManifest<S> | null;
  } catch (error) {
    return fail(`${MANIFEST} cannot be read (${errorMessage(error)})`);
  }
  const { crc32: seal, ...manifest } = parsed ?? fail(`${MANIFEST} is empty`);
  if (manifest.format !== FORMAT)
    return fail(`${MANIFEST} has format ${manifest.format}, this version reads ${FORMAT}`);
  if (seal !== sealOf(manifest)) return fail(`${MANIFEST} is damaged: its checksum differs from the one written`);
  if (manifest.step !== step) return fail(`it was written after step ${manifest.step}`);
  for (const [name, expected] of Object.entries(manifest.files)) {
    const found = await sum(join(dir, name)).catch((error: unknown) =>
      fail(`${name} cannot be read (${errorMessage(error)})`),
    );
    if (found.bytes !== expected.bytes) return fail(`${name} has ${found.bytes} bytes, ${expected.bytes} were written`);
    if (found.crc32 !== expected.crc32) return fail(`${name} is damaged: its checksum differs from the one written`);
  }
  return manifest.state;
}

/** Checksum of a manifest's JSON, which is the same when written and when read. */
function sealOf(manifest: Manifest<unknown>): number {
  return crc32(JSON.stringify(manifest));
}

/** Sizes and checksums of all files in a folder, in parallel. */
async function sums(dir: string): Promise<Manifest<unknown>['files']> {
  const names = (await readdir(dir, { recursive: true })).sort();
  const entries = names.map(async (name) => {
    const path = join(dir, name);
    return (await stat(path)).isFile() ? [[name, await sum(path)] as const] : [];
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}

/** Size and checksum of a file, read in pieces. */
async function sum(path: string): Promise<{ bytes: number; crc32: number }> {
  const handle = await open(path, 'r');
  try {
    return await sumOf(handle);
  } finally {
    await handle.close();
  }
}

async function sumOf(handle: FileHandle): Promise<{ bytes: number; crc32: number }> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let [bytes, checksum] = [0, 0];
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, READ_BYTES);
    if (bytesRead === 0) return { bytes, crc32: checksum };
    checksum = crc32(buffer.subarray(0, bytesRead), checksum);
    bytes += bytesRead;
  }
}
