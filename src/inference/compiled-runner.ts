// Runs functions of tensors as recorded graphs of the native engine.
import type * as tf from '@tensorflow/tfjs';
import type { PredictionPrecision } from '../precision.js';
import { compile } from '../engine/session/compile.js';
import type { StateOptions } from '../engine/session/contract.js';
import { createState } from '../engine/session/state.js';
import { ConfigError, EngineError, errorMessage } from '../errors.js';
import type { Runner } from './runner.js';

/**
 * A runner on the native engine; the parameters move into a session until `dispose`.
 * @throws EngineError when the native engine is not installed
 */
export async function createCompiledRunner(
  parameters: ReadonlyMap<string, tf.Variable>,
  precision: PredictionPrecision,
  options: Pick<StateOptions, 'readOnly' | 'values' | 'server' | 'maxSignatures'> = {},
): Promise<Runner> {
  const state = await createState(parameters, options).catch((error: unknown) => {
    if (error instanceof ConfigError) throw error; // invalid for an eager runner too
    throw new EngineError(
      `compile: ${errorMessage(error).replace(/\.$/, '')}; or pass compile: false to run eagerly on the current backend`,
      { cause: error },
    );
  });
  return {
    compiled: true,
    get recordings() {
      return state.recordings;
    },
    canLeaveOutPadding: state.packs,
    addVariable: (name, shape, fill = 0) => state.addVariable(name, { shape, fill }),
    prepare: (fn, name) => compile(fn, { state, name, precision }),
    lend: (use) => state.lend(use),
    write: (name, value) => state.write(name, value),
    dispose: () => state.dispose(),
  };
}
