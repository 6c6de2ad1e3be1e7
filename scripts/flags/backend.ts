// The flags that select the backend of a command.
import { type BackendOptions, kebab, requireTrainingEngine, selectBackend, shellWord } from '../../src/node.js';
import { flagsOf, givenValues } from './settings.js';
import { BACKEND_OPTIONS } from './internal.js';

export const BACKEND_FLAGS = flagsOf(BACKEND_OPTIONS, 'Machine:');

export type BackendArguments = Omit<BackendOptions, 'verbose'>;

/** The flags that were given, to be typed again. */
export function backendWords(flags: BackendArguments): string[] {
  return Object.entries(givenValues({ ...flags }, BACKEND_OPTIONS)).map(([name, value]) => {
    const flag = kebab(name);
    if (typeof value !== 'boolean') return `--${flag} ${shellWord(String(value))}`;
    return value ? `--${flag}` : `--no-${flag}`;
  });
}

/** Selects the backend. @throws EngineError when training has no engine and no backend was named */
export async function useBackend(flags: BackendArguments, purpose: 'train' | 'infer'): Promise<void> {
  const options: BackendOptions = givenValues({ ...flags }, BACKEND_OPTIONS);
  if (purpose === 'train' && options.backend === undefined) requireTrainingEngine(options);
  const chosen = await selectBackend(options);
  if (chosen.reason !== undefined) console.error(`backend ${chosen.backend}: ${chosen.reason}`);
}
