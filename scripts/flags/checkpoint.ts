// Flags of commands that load a checkpoint, from a run or elsewhere.
import { defined } from './internal.js';

interface CheckpointFlag {
  type: 'string';
  describe: string;
  group?: string;
}

/** A checkpoint of any kind, as an argument without a flag. */
export const CHECKPOINT_ARGUMENT = {
  type: 'string',
  demandOption: true,
  describe: 'file, folder, address or repository id',
} as const;

/** Flags that name a checkpoint; `sourceOf` returns the one that was given. */
export function checkpointFlags(group?: string): { run: CheckpointFlag; model: CheckpointFlag } {
  const flag = { type: 'string', ...defined({ group }) } as const;
  return {
    run: { ...flag, describe: 'run folder' },
    model: { ...flag, describe: 'folder or hub id, instead of a run' },
  };
}

/** The run's folder, or the model. */
export function sourceOf({ run, model }: { run?: string; model?: string }): string {
  const source = run ?? model;
  if (source === undefined) throw new Error('Give a run (--run FOLDER) or a model (--model FOLDER or hub id).');
  return source;
}
