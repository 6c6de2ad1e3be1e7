// The variables of a state by name. While the state holds them, the tfjs variables refer to the values in the session.
import type * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import type { Recording } from '../recording/recording.js';
import type { StateVariable } from './state-variable.js';
import { firstOf } from '../../words.js';

export class HeldVariables {
  private readonly byName = new Map<string, StateVariable>();

  constructor(private readonly backend: GraphBackend) {}

  /** All of them, in the order in which they were added. */
  get all(): StateVariable[] {
    return [...this.byName.values()];
  }

  /** The tfjs variables by name. */
  get tfVariables(): Map<string, tf.Variable> {
    return new Map([...this.byName].map(([name, { tfVariable }]) => [name, tfVariable]));
  }

  /** Adds the variable that `create` returns. @throws EngineError for a name that is taken, before it is created. */
  add(name: string, create: () => StateVariable): StateVariable {
    if (this.byName.has(name)) throw new EngineError(`The state already has a variable "${name}"`);
    const variable = create();
    this.byName.set(name, variable);
    return variable;
  }

  /** @throws EngineError for an unknown name. */
  require(name: string): StateVariable {
    const variable = this.byName.get(name);
    if (variable === undefined)
      throw new EngineError(`The state has no variable "${name}"; it has ${firstOf([...this.byName.keys()])}`);
    return variable;
  }

  /** Makes tfjs variables refer to the values in the session. */
  refer(...variables: readonly StateVariable[]): void {
    this.backend.whileCurrent(() => {
      for (const variable of variables)
        this.backend.refer(variable, (reference) => variable.tfVariable.assign(reference));
    });
  }

  /** @throws EngineError when a variable was assigned outside of a compiled function: the session's value is different and is kept. */
  requireUnassigned(): void {
    const [first, ...others] = this.reassigned;
    if (first === undefined) return;
    this.refer(first, ...others);
    throw new EngineError(
      `The variable "${first.name}" was assigned outside of a compiled function, which does not reach the session; use state.write, or assign it inside`,
    );
  }

  /** Records with every variable readable and assignable. Returns the operations that assign at the end of the run. */
  record(recording: Recording, run: () => void): number[] {
    const own = new Set(this.tfVariables.values());
    return this.backend.record(recording, own, () => {
      try {
        run();
        const values = this.reassigned.map((variable) => [variable, this.backend.nodeOf(variable.tfVariable)] as const);
        values.sort(([, a], [, b]) => Number(a.update !== undefined) - Number(b.update !== undefined)); // updates in place come last
        const operations = values.map(([variable, value]) => variable.assignAtEnd(recording, value));
        recording.updates.requireSafe();
        return [...new Set(operations)];
      } finally {
        this.refer(...this.reassigned);
      }
    });
  }

  /** Those that were assigned another tensor since they last referred to the session. */
  private get reassigned(): StateVariable[] {
    return this.all.filter((variable) => variable.isReassigned);
  }

  /** Releases all variables. */
  clear(): void {
    for (const variable of this.all) this.backend.release(variable);
    this.byName.clear();
  }
}
