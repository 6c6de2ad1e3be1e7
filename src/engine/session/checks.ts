// Checks of a state's options, and of the variables that it holds or creates.
import { z } from 'zod';
import { tf } from '#tf';
import { ConfigError, EngineError } from '../../errors.js';
import { sizeOf } from '../../shapes.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import {
  callback,
  expected,
  number,
  oneOf,
  parseOptions,
  requireKinds,
  shown,
  text,
  truth,
  wholeNumber,
} from '../../options.js';
import { PREDICTION_PRECISIONS } from '../../precision.js';
import type { StateOptions, VariableSpec } from './contract.js';
import type { StateVariable } from './state-variable.js';

const stateSchema = z.strictObject({
  maxSignatures: wholeNumber(1).optional(),
  intraOpThreads: wholeNumber(0).optional(),
  interOpThreads: wholeNumber(0).optional(),
  readOnly: z
    .strictObject(
      {
        matrices: callback(),
        precision: oneOf(PREDICTION_PRECISIONS),
        packs: truth().optional(),
        exact: callback().optional(),
        tables: callback().optional(),
      },
      { error: expected('{ matrices, precision }') },
    )
    .optional(),
  server: z
    .object({ target: text('an address'), worker: wholeNumber(0) }, { error: expected('the server of joinCluster') })
    .optional(),
  values: callback().optional(),
  log: callback().optional(),
});

/** @throws OptionsError naming every option that is unknown, missing or out of its range. */
export function requireStateOptions(options: StateOptions): void {
  parseOptions('createState', stateSchema, options);
}

/** Checks all variables before any is moved, so that a rejected one leaves the others unchanged. @throws EngineError */
export function requireFreeVariables(variables: ReadonlyMap<string, tf.Variable>, backend: GraphBackend): void {
  if (!(variables instanceof Map)) {
    throw new EngineError(
      `createState: expected a Map of variables by name, received ${String(variables)}; pass model.namedParameters()`,
    );
  }
  const names = new Map<tf.Variable, string>();
  for (const [name, variable] of variables as ReadonlyMap<string, tf.Variable>) {
    const what = `createState: the variable "${name}"`;
    if (!(variable instanceof tf.Variable))
      throw new EngineError(`${what} is not a tf.Variable; make one with tf.variable()`);
    const { dtype } = variable;
    const twin = names.get(variable);
    names.set(variable, name);
    if (variable.isDisposed) throw new EngineError(`${what} was disposed; create it again`);
    if (twin !== undefined) throw new EngineError(`${what} is also given as "${twin}"; give each variable once`);
    if (backend.variableOf(variable.dataId) !== null) {
      throw new ConfigError(`${what} belongs to another training step or state; dispose that one first`);
    }
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new EngineError(`${what} is ${dtype}; a state holds float32, int32 and bool`);
    }
  }
}

const variableSchema = z.strictObject({
  shape: z.array(wholeNumber(0), { error: expected('a list of sizes, [] for a scalar') }),
  dtype: oneOf(['float32', 'int32']).optional(),
  fill: number('a number', () => true).optional(),
  trainable: truth().optional(),
});

/** @throws ConfigError for a name that is no text, and for a value that specifies no variable. */
export function requireVariableSpec(name: string, spec: VariableSpec): void {
  requireKinds('addVariable', { 'a text': { name } });
  parseOptions(`addVariable: "${name}"`, variableSchema, spec);
}

/** @throws EngineError for anything but the values of a variable, or their location. @param found what the option `values` gave. */
export function requireValues({ name, shape }: Pick<StateVariable, 'name' | 'shape'>, found: unknown): void {
  const isObject = typeof found === 'object' && found !== null;
  if (isObject && 'descriptor' in found) return;
  const count = sizeOf(shape);
  const length = ArrayBuffer.isView(found) ? (found as Float32Array).length : null;
  if (length === count) return;
  throw new EngineError(
    `createState: values: expected a Float32Array of ${count} for "${name}" [${shape.join(', ')}], or their location in a file, received ` +
      (length === null ? shown(found) : `an array of ${length}`),
  );
}

/** @throws EngineError for a matrix that the session keeps only in low precision. */
export function requireExact({ name, isExact }: Pick<StateVariable, 'name' | 'isExact'>): void {
  if (isExact) return;
  throw new EngineError(
    `The values of "${name}" cannot be read: the session keeps them only in low precision; load the model again`,
  );
}
