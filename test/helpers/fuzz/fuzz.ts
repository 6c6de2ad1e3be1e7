// Reads damaged files and checks that each is read or is an error that names it, within limits of time and memory.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CheckpointError, DataError } from '../../../src/errors.js';
import { damaged, generator, spliced } from '../files/damage.js';

/** What no damaged file of a few KB may cost; the time is that of a hang, not of a busy machine. */
const LIMIT_MS = 20_000;
const LIMIT_KB = 768 << 10;
/** Of all files: an index beside a file is used only when it is of the same time. */
export const MTIME = new Date(1_700_000_000_000);

/** A file that is damaged, and what lies beside it untouched. */
export interface Sample {
  /** Path below the folder that the reader is given. */
  path: string;
  bytes: Uint8Array;
  beside?: Readonly<Record<string, Uint8Array>>;
}

/** Runs a part of the reading: null when it is refused. */
export type Attempt = <T>(work: () => T | Promise<T>) => Promise<T | null>;

/**
 * Runs cases `from` to `from + count - 1`.
 * @param read reads a damaged file with as many attempts as it has parts. @returns how many files were read whole and how many refused.
 * @throws Error naming the first case that went wrong.
 */
export async function fuzzFiles(
  samples: readonly Sample[],
  from: number,
  count: number,
  read: (path: string, folder: string, attempt: Attempt) => Promise<void>,
): Promise<{ read: number; refused: number }> {
  const outcome = { read: 0, refused: 0 };
  for (let seed = from; seed < from + count; seed++) {
    const random = generator(seed);
    const sample = samples[random(samples.length)] as Sample;
    const isSpliced = random(8) === 0;
    const bytes = isSpliced
      ? spliced(sample.bytes, (samples[random(samples.length)] as Sample).bytes, random)
      : damaged(sample.bytes, random);
    const folder = mkdtempSync(join(tmpdir(), 'fuzz-'));
    const [start, memory] = [performance.now(), process.resourceUsage().maxRSS];
    try {
      for (const [path, content] of Object.entries({ ...sample.beside, [sample.path]: bytes })) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
        utimesSync(join(folder, path), MTIME, MTIME);
      }
      const { attempt, isRefused } = attempts(folder);
      await read(sample.path, folder, attempt);
      outcome[isRefused() ? 'refused' : 'read'] += 1;
    } catch (error) {
      throw new Error(`case ${seed} of ${sample.path}: ${String((error as Error).stack)}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
    const [ms, kb] = [performance.now() - start, process.resourceUsage().maxRSS - memory];
    if (ms > LIMIT_MS || kb > LIMIT_KB)
      throw new Error(`case ${seed} of ${sample.path}: took ${Math.round(ms)} ms and ${kb} KB more memory`);
  }
  return outcome;
}

/** Attempts that let pass errors of the two classes that name a file in the folder. */
function attempts(folder: string): { attempt: Attempt; isRefused: () => boolean } {
  let refused = false;
  return {
    isRefused: () => refused,
    attempt: async (work) => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof DataError || error instanceof CheckpointError)) throw error;
        if (error.cause instanceof TypeError) throw error.cause; // a reader that trusts what it reads
        if (!error.message.includes(folder)) throw new Error(`names no file: ${error.message}`);
        refused = true;
        return null;
      }
    },
  };
}
