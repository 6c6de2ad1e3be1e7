// Operations of a recording that write into variables: each is added after every operation that reads the old values.
import { EngineError } from '../../errors.js';
import type { OperationAttribute } from '../load/addon.js';
import { Lazy } from './lazy.js';
import type { InPlaceUpdate, Node, Recorder, Updatable } from './node.js';

/** The in-place updates of one recording. */
export class InPlaceUpdates {
  private readonly updates: InPlaceUpdate[] = [];

  constructor(private readonly recording: Recorder) {}

  /** Whether the recording writes into variables. */
  get areUsed(): boolean {
    return this.updates.length > 0;
  }

  /** An operation that writes into variables: `type(old values of the variables, inputs)`. Returns the new values. */
  add(
    variables: readonly Updatable[],
    type: string,
    inputs: readonly Node[],
    attributes: readonly OperationAttribute[],
  ): Node[] {
    const { recording } = this;
    const operation = new Lazy(() => this.addOperation(variables, type, inputs, attributes));
    const update: InPlaceUpdate = { type, variables, operation };
    this.updates.push(update);
    return variables.map((variable) => {
      const value = new Lazy(() => variable.readAfter(recording, operation.value));
      return { ...recording.value(variable.shape, variable.dtype, value), update: { of: update, variable } };
    });
  }

  /** The operation waits for all readers of the old values that it does not depend on. */
  private addOperation(
    variables: readonly Updatable[],
    type: string,
    inputs: readonly Node[],
    attributes: readonly OperationAttribute[],
  ): number {
    const { recording } = this;
    const { dependencies, graph } = recording;
    const olds = variables.map((variable) => variable.node(recording).full.value);
    const news = inputs.map((node) => (node.full.isMade ? null : recording.bfloat16(node)) ?? node.full.value); // a gradient may be bfloat16
    const readers = new Set(olds.flatMap((old) => [...dependencies.readersOf(graph.operationOf(old))]));
    const waits = [...readers].filter(
      (reader) => !news.some((input) => dependencies.ancestorsOf(graph.operationOf(input)).has(reader)),
    );
    return recording.operation(type, [...olds, ...news], attributes, waits).operation;
  }

  /** Call when the recording ends. @throws EngineError when an old value is read after its variable was written. */
  requireSafe(): void {
    const { recording } = this;
    for (const { operation, variables, type } of this.updates) {
      for (const variable of variables) {
        if (!operation.isMade) throw new EngineError(`${type}: its result was not assigned to "${variable.name}"`);
        const old = recording.graph.operationOf(variable.node(recording).full.value);
        for (const reader of recording.dependencies.readersOf(old)) {
          if (reader > operation.value)
            throw new EngineError(
              `"${variable.name}" is used after ${type} has written its new value; use the value that the update returned`,
            );
        }
      }
    }
  }
}
