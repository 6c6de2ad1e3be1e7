// The backend that tests compute on: the native engine when it is installed, else the best other one.
import { selectBackend, type BackendChoice } from '../../src/engine/select-backend.js';

/** Chooses the backend as the package does. Tests that need the engine itself ask `(await useBackend()).backend === 'tensorflow'` and print the reason when they skip. */
export async function useBackend(): Promise<BackendChoice> {
  return selectBackend();
}
