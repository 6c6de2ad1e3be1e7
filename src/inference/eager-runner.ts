// Runs functions of tensors op by op on the current backend of tfjs.
import { tf } from '#tf';
import type { RawTensor } from '../raw-tensor.js';
import { readRaw, toTensors } from './arrays.js';
import type { Runner } from './runner.js';

/** A runner on the current backend. The parameters stay in the model's variables. */
export function createEagerRunner(parameters: ReadonlyMap<string, tf.Variable>): Runner {
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
      const outputs = tf.tidy(() => fn(toTensors(inputs)));
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
