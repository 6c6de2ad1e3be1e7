// The optimizer's state as a file: moments as tensors, step, seed and schedule as metadata, in one safetensors file that is written atomically.
import { createSink, exists, joinPath, openSource } from '#platform';
import { writeWhole } from '../../byte-sink.js';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../checkpoint/safetensors.js';
import { CheckpointError, errorMessage } from '../../errors.js';
import { type RawTensor } from '../../raw-tensor.js';
import { isSameShape } from '../../shapes.js';
import { createSchedule } from './schedule.js';
import { type ResolvedStepOptions, resolveStepOptions } from './options.js';
import { firstOf } from '../../words.js';

export const OPTIMIZER_STATE_FILE = 'optimizer.safetensors';

/** Options restored with the state, on which the next steps depend. */
const SAVED_OPTIONS = [
  'optimizer',
  'seed',
  'schedule',
  'learningRate',
  'warmupSteps',
  'totalSteps',
  'beta1',
  'beta2',
  'epsilon',
] as const;

export type SavedOptions = Pick<ResolvedStepOptions, (typeof SAVED_OPTIONS)[number]>;

/** The state of loss scaling between two updates. */
export interface SavedLossScale {
  scale: number;
  goodSteps: number;
}

export interface OptimizerStateToWrite {
  step: number;
  /** Number of steps whose update was skipped. */
  skipped: number;
  /** Null unless the loss is scaled. */
  lossScale: SavedLossScale | null;
  options: ResolvedStepOptions;
  /** Names of all tensors, such as `exp_avg.<parameter>`. */
  names: readonly string[];
  shapeOf(name: string): readonly number[];
  read(name: string): Promise<RawTensor>;
}

/** Writes the state into a folder; one tensor at a time is in memory. */
export async function writeOptimizerState(dir: string, state: OptimizerStateToWrite): Promise<void> {
  const saved = Object.fromEntries(SAVED_OPTIONS.map((key) => [key, state.options[key]]));
  const tensors = state.names.map((name): TensorToWrite => ({
    name,
    dtype: 'F32',
    shape: state.shapeOf(name),
    bytes: async () => {
      const { data } = await state.read(name);
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  }));
  const metadata = {
    format: 'pt',
    step: String(state.step),
    skipped: String(state.skipped),
    options: JSON.stringify(saved),
    ...(state.lossScale === null ? {} : { loss_scale: JSON.stringify(state.lossScale) }),
  };
  await writeWhole(await createSink(joinPath(dir, OPTIMIZER_STATE_FILE)), (sink) =>
    writeSafetensors(sink, tensors, metadata),
  );
}

/** The metadata of a state. */
interface SavedCounters {
  step: number;
  skipped: number;
  lossScale: SavedLossScale | null;
  options: SavedOptions;
}

/**
 * Reads a state and passes each tensor to `write`, after all names and shapes are checked.
 * @returns the step counts, the loss scale and the saved options
 * @throws CheckpointError when there is none, or its optimizer, names or shapes differ from those given
 */
export async function readOptimizerState(
  dir: string,
  optimizer: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  write: (name: string, value: RawTensor) => Promise<void>,
): Promise<SavedCounters> {
  const path = joinPath(dir, OPTIMIZER_STATE_FILE);
  if (!(await exists(path))) throw new CheckpointError(`${path}: not found; give a folder that saveState wrote`);
  const source = await openSource(path);
  try {
    const file = await openSafetensors(source);
    const { options, ...counters } = parseMetadata(path, file.metadata);
    if (options.optimizer !== optimizer) {
      throw new CheckpointError(
        `${path}: it holds the state of ${options.optimizer}, the step uses ${optimizer}; use the same optimizer`,
      );
    }
    requireSameTensors(path, shapes, file.tensors);
    for (const [name, shape] of shapes) {
      await write(name, { dtype: 'float32', shape: [...shape], data: await file.readFloat32(name) });
    }
    return { options, ...counters };
  } finally {
    await source.close();
  }
}

function parseMetadata(path: string, metadata: Record<string, string>): SavedCounters {
  const fail = (reason: string): never => {
    throw new CheckpointError(`${path}: ${reason}; it was not written by saveState, or it is damaged`);
  };
  const count = (text: string | undefined, what: string): number =>
    /^\d{1,15}$/.test(text ?? '') ? Number(text) : fail(`expected a whole number of ${what}, found ${text ?? 'none'}`);
  const json = (key: string): Record<string, unknown> => {
    const value = jsonOrNull(metadata[key] ?? '');
    const isObject = typeof value === 'object' && value !== null;
    return isObject
      ? (value as Record<string, unknown>)
      : fail(`expected "${key}" as a JSON object, found ${metadata[key] ?? 'none'}`);
  };
  const step = count(metadata['step'], 'steps');
  const skipped = count(metadata['skipped'] ?? '0', 'skipped steps');
  if (skipped > step) fail(`${skipped} of ${step} steps were skipped`);
  const saved = json('options');
  for (const key of SAVED_OPTIONS) {
    if (key !== 'totalSteps' && (saved[key] ?? null) === null) fail(`its options have no ${key}`);
  }
  const options = Object.fromEntries(SAVED_OPTIONS.map((key) => [key, saved[key]])) as unknown as SavedOptions;
  try {
    createSchedule(resolveStepOptions(options));
  } catch (error) {
    fail(errorMessage(error));
  }
  if (metadata['loss_scale'] === undefined) return { step, skipped, lossScale: null, options };
  const lossScale = json('loss_scale') as unknown as SavedLossScale;
  if (![lossScale.scale, lossScale.goodSteps].every(Number.isFinite)) fail('its loss scale is not a pair of numbers');
  return { step, skipped, lossScale, options };
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function requireSameTensors(
  path: string,
  expected: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, { shape: readonly number[] }>,
): void {
  const wrong = [
    ...[...expected].flatMap(([name, shape]) => {
      const stored = found.get(name)?.shape;
      if (stored === undefined) return [`"${name}" is missing`];
      return isSameShape(stored, shape) ? [] : [`"${name}" is [${stored.join(', ')}], expected [${shape.join(', ')}]`];
    }),
    ...[...found.keys()].filter((name) => !expected.has(name)).map((name) => `"${name}" is unexpected`),
  ];
  if (wrong.length > 0) throw new CheckpointError(`${path}: it belongs to another model: ${firstOf(wrong, 3, '; ')}`);
}
