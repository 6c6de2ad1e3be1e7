// Flags of commands that answer with a checkpoint: a run's, or any other.
import { defined } from '../../src/options.js';

interface CheckpointFlag {
  type: 'string';
  describe: string;
  group?: string;
}

/** Flags that name a checkpoint; `sourceOf` says which one they name. */
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
