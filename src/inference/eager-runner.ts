// Runs functions of tensors op by op on the current backend of tfjs.
import { tf } from '#tf';
import { ConfigError } from '../errors.js';
import { type PredictionPrecision, withPrecision } from '../precision.js';
import type { RawTensor } from '../raw-tensor.js';
import { prepareWebGpu } from '../webgpu/prepare.js';
import { readRaw, toTensors } from './arrays.js';
import type { Runner } from './runner.js';

/** @throws ConfigError for a precision that products on the current backend do not have op by op. @param caller begins the message */
export function requireEagerPrecision(precision: PredictionPrecision, caller = ''): void {
  tf.backend(); // starts the backend whose name is read next
  const backend = tf.getBackend();
  const possible = backend === 'webgpu' ? ['fp32', 'fp16'] : ['fp32'];
  if (possible.includes(precision)) return;
  const isNative = backend === 'tensorflow';
  const needed = isNative ? 'compile: true' : `the native engine${precision === 'fp16' ? ' or WebGPU' : ''}`;
  const where = isNative ? 'without it' : `on ${backend}`;
  throw new ConfigError(`${caller}precision "${precision}" needs ${needed}; use ${possible.join(' or ')} ${where}`);
}

/** A runner on the current backend. The parameters stay in the model's variables. @param precision as `requireEagerPrecision` allows */
export function createEagerRunner(
  parameters: ReadonlyMap<string, tf.Variable>,
  precision: PredictionPrecision = 'fp32',
): Runner {
  prepareWebGpu(); // its products in fp16 are ours
  const variables = new Map(parameters);
  const added: tf.Variable[] = [];
  const find = (name: string): tf.Variable => {
    const variable = variables.get(name);
    if (variable === undefined) throw new RangeError(`createEagerRunner: no variable "${name}"`);
    return variable;
  };
  return {
    compiled: false,
    recordings: 0,
    canLeaveOutPadding: false, // the reference
    addVariable: (name, shape, fill = 0) => {
      const variable = tf.tidy(() => tf.variable(tf.fill([...shape], fill), false));
      variables.set(name, variable);
      added.push(variable);
      return variable;
    },
    prepare: (fn) => async (inputs) => {
      const outputs = withPrecision(precision, () => tf.tidy(() => fn(toTensors(inputs))));
      const entries = Object.entries(outputs);
      const raw = await Promise.all(entries.map(([, tensor]) => readRaw(tensor)));
      tf.dispose(outputs);
      return Object.fromEntries(entries.map(([name], index) => [name, raw[index] as RawTensor]));
    },
    lend: async (use) => use(async (name) => readRaw(find(name))),
    write: async (name, { data, shape, dtype }) => tf.tidy(() => find(name).assign(tf.tensor(data, shape, dtype))),
    dispose: async () => tf.dispose(added),
  };
}
