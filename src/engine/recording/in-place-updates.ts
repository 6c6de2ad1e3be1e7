// Operations of a recording that write into variables: each is added after every operation that reads the old values.
import { EngineError } from '../../errors.js';
import type { OperationAttribute } from '../load/addon.js';
import type { InPlaceUpdate, Node, Recorder, Updatable } from './node.js';

/** The in-place updates of one recording. An update is added when its result is first read, as late as possible. */
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
    const update: InPlaceUpdate = { type, variables, inputs, attributes, operation: null };
    this.updates.push(update);
    return variables.map((variable) => ({
      shape: variable.shape,
      dtype: variable.dtype,
      full: null,
      low: null,
      update: { of: update, variable },
    }));
  }

  /** The operation of an update, added on first use: it waits for all readers of the old values that it does not depend on. */
  operationOf(update: InPlaceUpdate): number {
    if (update.operation !== null) return update.operation;
    const { recording } = this;
    const { dependencies, graph } = recording;
    const { type, variables, inputs, attributes } = update;
    const olds = variables.map((variable) => recording.full(variable.node(recording)));
    const news = inputs.map((node) => node.full ?? recording.bfloat16(node) ?? recording.full(node)); // a gradient may be bfloat16
    const readers = new Set(olds.flatMap((old) => [...dependencies.readersOf(graph.operationOf(old))]));
    const waits = [...readers].filter(
      (reader) => !news.some((input) => dependencies.ancestorsOf(graph.operationOf(input)).has(reader)),
    );
    update.operation = recording.operation(type, [...olds, ...news], attributes, waits).operation;
    return update.operation;
  }

  /** Call when the recording ends. @throws EngineError when an old value is read after its variable was written. */
  requireSafe(): void {
    const { recording } = this;
    for (const { operation, variables, type } of this.updates) {
      for (const variable of variables) {
        if (operation === null) throw new EngineError(`${type}: its result was not assigned to "${variable.name}"`);
        const old = recording.graph.operationOf(recording.full(variable.node(recording)));
        for (const reader of recording.dependencies.readersOf(old)) {
          if (reader > operation)
            throw new EngineError(
              `"${variable.name}" is used after ${type} has written its new value; use the value that the update returned`,
            );
        }
      }
    }
  }
}
