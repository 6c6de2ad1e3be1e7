// A model's forward pass in Node: recorded on the native engine, op by op elsewhere.
import { PREDICTION_PRECISIONS, type PredictionPrecision } from '../precision.js';
import { ConfigError } from '../errors.js';
import type { StoredModel } from '../models/pretrained/load.js';
import { isAboveEncoder, isLinearWeight, isWordTable } from '../models/pretrained/parameter-names.js';
import type { LoadableModel } from '../models/pretrained/types.js';
import { oneOf, requireOption, shown } from '../options.js';
import { createCompiledRunner } from './compiled-runner.js';
import { requireEagerPrecision } from './eager-runner.js';
import { createEagerForwardPass, type ForwardPass, forwardPassOver } from './forward-pass.js';
import { isNativeBackend } from './native-backend.js';
import type { RunnableModel } from './runnable-model.js';

export interface ForwardPassOptions {
  /** Default: true if the native engine is the backend. */
  compile?: boolean | undefined;
  /** Precision of matrix products; others than `fp32` need the native engine, `fp16` that or WebGPU. Default `fp32`. */
  precision?: PredictionPrecision;
}

/** Shapes of a forward pass, 5 MB each at base size: batch sizes times lengths of texts times counts of regions, of which a server may get all. */
const MAX_SHAPES = 128;

/** Inference without dropout, recorded by default if the native engine is the backend. @throws ConfigError for a precision that it cannot have */
export async function createForwardPass(model: RunnableModel, options: ForwardPassOptions = {}): Promise<ForwardPass> {
  return compiles(options)
    ? createCompiledForwardPass(model, options)
    : createEagerForwardPass(model, options.precision);
}

/**
 * The forward pass of a model in a file. A session reads the values one by one, and keeps only the form that products read: the model
 * cannot be used after the pass is disposed, and must be disposed too. Word embeddings stay in the file where no head shares them.
 * @throws ConfigError for a precision that the backend cannot have; what `open` throws; CheckpointError
 */
export async function loadForwardPass<M extends LoadableModel & RunnableModel>(
  open: () => Promise<StoredModel<M>>,
  options: ForwardPassOptions = {},
): Promise<{ model: M; forward: ForwardPass }> {
  const isCompiled = compiles(options);
  const stored = await open();
  const { model } = stored;
  try {
    if (isCompiled) return { model, forward: await createCompiledForwardPass(model, options, stored) };
    await stored.fill();
    return { model, forward: createEagerForwardPass(model, options.precision) };
  } catch (error) {
    model.dispose();
    throw error;
  } finally {
    await stored.close();
  }
}

function compiles({ compile, precision = 'fp32' }: ForwardPassOptions): boolean {
  const isNative = isNativeBackend();
  if (compile !== undefined && typeof compile !== 'boolean')
    throw new ConfigError(`compile: expected true or false, received ${shown(compile)}`);
  requireOption('precision', precision, oneOf(PREDICTION_PRECISIONS));
  const isCompiled = compile ?? isNative;
  if (!isCompiled) requireEagerPrecision(precision);
  return isCompiled;
}

/** @param stored where the values are, for a model without values. */
async function createCompiledForwardPass(
  model: RunnableModel,
  { precision = 'fp32' }: ForwardPassOptions,
  stored?: StoredModel<LoadableModel>,
): Promise<ForwardPass> {
  // Layers above the encoder cost little, and their rounding errors are visible in the scores.
  const readOnly = { matrices: isLinearWeight, precision, packs: true, exact: isAboveEncoder };
  const options =
    stored === undefined
      ? { readOnly }
      : { readOnly: { ...readOnly, tables: staysInFile(stored) }, values: stored.read };
  const runner = createCompiledRunner(model.namedParameters(), precision, { ...options, maxSignatures: MAX_SHAPES });
  return forwardPassOver(model, await runner);
}

/** Whether a parameter is read from the file at each run: the word embeddings, of which a text needs few rows, unless a head multiplies by them. */
function staysInFile({ model, isInFile }: StoredModel<LoadableModel>): (name: string) => boolean {
  const shared = new Set(model.tiedWeights.values());
  return (name) => isWordTable(name) && !shared.has(name) && isInFile(name);
}
