// The flags that choose what a command computes on.
import { type BackendName, requireTrainingEngine, selectBackend } from '../src/node.js';

export const BACKEND_FLAGS = {
  backend: {
    choices: ['tensorflow', 'wasm', 'cpu'] as const,
    describe: 'default: the native engine; training never falls back to another by itself',
    group: 'Machine:',
  },
  threads: { type: 'number', describe: 'threads of one operation; default: one per core', group: 'Machine:' },
} as const;

export interface BackendArguments {
  backend?: BackendName | undefined;
  threads?: number | undefined;
}

/** Selects the backend. @throws EngineError when training has no engine and no backend was named */
export async function useBackend({ backend, threads }: BackendArguments, purpose: 'train' | 'infer'): Promise<void> {
  const engine = threads === undefined ? {} : { threads };
  if (purpose === 'train' && backend === undefined) requireTrainingEngine(engine);
  const chosen = await selectBackend({ ...(backend === undefined ? {} : { backend }), ...engine });
  if (chosen.reason !== undefined) console.error(`computing on ${chosen.backend}: ${chosen.reason}`);
}
