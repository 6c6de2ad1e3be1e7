// Checks of the variables that a state holds or creates.
import { tf } from '#tf';
import { ConfigError, EngineError } from '../../errors.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { VariableSpec } from './contract.js';
import type { StateVariable } from './state-variable.js';

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

/** @throws EngineError for a value that specifies no variable. */
export function requireVariableSpec(name: string, spec: VariableSpec): void {
  if (Array.isArray((spec as VariableSpec | null)?.shape)) return;
  throw new EngineError(`addVariable: "${name}": expected { shape }, received ${String(spec)}; pass [] for a scalar`);
}

/** @throws EngineError for a matrix that the session keeps only in low precision. */
export function requireExact({ name, isExact }: Pick<StateVariable, 'name' | 'isExact'>): void {
  if (isExact) return;
  throw new EngineError(
    `The values of "${name}" cannot be read: the session keeps them only in low precision; load the model again`,
  );
}
