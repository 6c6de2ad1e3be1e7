// The flags that select the backend of a command.
import {
  BACKEND_NAMES,
  type BackendName,
  type BackendOptions,
  type DeviceKind,
  requireTrainingEngine,
  selectBackend,
} from '../../src/node.js';
import { defined } from '../../src/options.js';

export const BACKEND_FLAGS = {
  backend: {
    choices: BACKEND_NAMES,
    describe: 'default: the native engine; training does not fall back to another backend',
    group: 'Machine:',
  },
  device: {
    choices: ['cpu', 'gpu'] as const,
    describe: 'which native engine, when both are installed; default: the one installed last',
    group: 'Machine:',
  },
  threads: { type: 'number', describe: 'threads of one operation; default: one per core', group: 'Machine:' },
  'inter-op-threads': { type: 'number', describe: 'operations that run in parallel; default: 1', group: 'Machine:' },
  'gpu-memory-growth': {
    type: 'boolean',
    describe: 'allocate GPU memory as needed instead of all at once; default: yes',
    group: 'Machine:',
  },
  xla: { type: 'boolean', describe: 'let XLA compile parts of the recorded step; default: no', group: 'Machine:' },
} as const;

export interface BackendArguments {
  backend?: BackendName | undefined;
  device?: DeviceKind | undefined;
  threads?: number | undefined;
  interOpThreads?: number | undefined;
  gpuMemoryGrowth?: boolean | undefined;
  xla?: boolean | undefined;
}

/** Selects the backend. @throws EngineError when training has no engine and no backend was named */
export async function useBackend(flags: BackendArguments, purpose: 'train' | 'infer'): Promise<void> {
  const { backend, device, threads, interOpThreads, gpuMemoryGrowth, xla } = flags;
  const engine: BackendOptions = defined({ device, threads, interOpThreads, gpuMemoryGrowth, xla });
  if (purpose === 'train' && backend === undefined) requireTrainingEngine(engine);
  const chosen = await selectBackend({ ...(backend === undefined ? {} : { backend }), ...engine });
  if (chosen.reason !== undefined) console.error(`backend ${chosen.backend}: ${chosen.reason}`);
}
