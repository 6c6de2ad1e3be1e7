// Checkpoints of a run: folders that appear complete, are verified when read, and are rotated.
import { type FileHandle, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { makeFolder, writeTextAtomic } from '#platform';
import { CheckpointError, errorMessage } from '../../errors.js';
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

/** Content of the manifest's file, with its own checksum: a changed metric would be as wrong as a changed weight. */
interface SealedManifest<S> extends Manifest<S> {
  crc32: number;
}

/** The checkpoints of one run folder. Nothing here is ever half visible: writing and removing end in a rename. */
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

  /** Removes what a killed process left half written or half removed; a checkpoint that it was about to replace comes back. */
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
   * Writes a checkpoint: `fill` puts files into a hidden folder, which takes its name once all of it is on disk.
   * An error before that leaves the older checkpoints as they are.
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
      await this.clean().catch(() => undefined); // the original error says more
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
   * The newest checkpoint whose files are as they were written; damaged ones are set aside and reported.
   * @throws CheckpointError when there are checkpoints but none is sound
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

  /** What is wrong with a step's checkpoint; null when its files are as they were written. */
  async problemOf(step: number): Promise<string | null> {
    return readChecked<S>(this.dirOf(step), step).then(() => null, errorMessage);
  }

  /** Removes all but the newest `keep` and those of the steps given. */
  async rotate(keep: number, spared: readonly number[]): Promise<void> {
    const steps = await this.steps();
    for (const step of steps.slice(0, Math.max(0, steps.length - keep))) {
      if (!spared.includes(step)) await this.remove(step);
    }
  }

  /** Gives a whole checkpoint its name. One that is there already is set aside until then: at every moment one of them can be found. */
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

/** Puts the files of a folder into another, each atomically; as links instead of copies where the file system can. */
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
    await rm(temporary, { force: true }); // between two links of one file a rename does nothing
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

/** Checksum of a manifest: of its JSON, which is the same when it is written and when it is read. */
function sealOf(manifest: Manifest<unknown>): number {
  return crc32(JSON.stringify(manifest));
}

/** Of every file in a folder. All at once: one is read while another is added up. */
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

async function syncFolder(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  await handle.sync().finally(() => handle.close());
}
