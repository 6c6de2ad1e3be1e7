// The folder of a run: checked before the start, locked during the run, with the best model.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, makeFolder } from '#platform';
import { ConfigError, errorMessage, TrainingError } from '../../errors.js';
import { describeHolder, tryLock } from '../../platform/lock-file.js';
import { type CheckpointStore, publishFiles } from './checkpoints.js';
import { OPTIMIZER_STATE_FILE } from '../step/optimizer-state.js';

/** The file with a run's settings. */
export const RUN_FILE = 'run.json';
/** Folder inside a checkpoint with the averaged model. */
export const AVERAGE = 'average';
const MODEL = 'model.safetensors';
const NOT_PUBLISHED = new Set([OPTIMIZER_STATE_FILE, 'checkpoint.json', AVERAGE]);

/** Creates the folder of a run. @throws TrainingError when it cannot be created */
export async function makeRunFolder(outputDir: string): Promise<void> {
  await makeFolder(outputDir).catch((error: unknown) => {
    throw new TrainingError(
      `${outputDir}: the run folder cannot be created (${errorMessage(error)}); choose another outputDir`,
    );
  });
}

/**
 * Locks a run folder: two processes would remove each other's incomplete checkpoints and mix their metrics.
 * @returns a function that releases the lock. @throws TrainingError when another process uses the folder
 */
export async function lockRunFolder(outputDir: string): Promise<() => Promise<void>> {
  const attempt = await tryLock(join(outputDir, '.lock')).catch(() => null);
  if (attempt === null) return async () => undefined; // the folder is read-only: the first write reports a better error
  if ('release' in attempt) return attempt.release;
  throw new TrainingError(
    `${outputDir}: ${describeHolder(attempt.holder)} is training in this folder; wait until it has finished, or choose another outputDir`,
  );
}

/** A run never overwrites the files of another run. @throws ConfigError */
export async function requireFreeFolder(
  outputDir: string,
  resume: boolean,
  store: CheckpointStore<unknown>,
): Promise<void> {
  const steps = await store.steps();
  if (steps.length > 0 && !resume) {
    throw new ConfigError(
      `${outputDir}: it already holds a run; pass resume: true to continue it, or choose another outputDir`,
    );
  }
  if (steps.length === 0 && (await exists(join(outputDir, MODEL)))) {
    throw new ConfigError(
      `${outputDir}: it already holds a model, but no checkpoint to resume from; choose another outputDir`,
    );
  }
}

/** Copies a checkpoint's model, or its moving average if it has one, into the run folder. */
export async function publishModel(checkpoint: string, outputDir: string): Promise<void> {
  const average = join(checkpoint, AVERAGE);
  const dir = (await exists(average)) ? average : checkpoint;
  const names = (await readdir(dir)).filter((name) => !NOT_PUBLISHED.has(name));
  await publishFiles(dir, outputDir, names);
}
