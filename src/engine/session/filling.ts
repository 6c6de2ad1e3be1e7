// Fills the variables that are created inside a session, in parallel with recording; runs wait for it.
import { TF_DTYPE, type NativeArray, type OutputNumber } from '../load/addon.js';
import { OPERATIONS } from '../kernels/graph-kernels.js';
import { typeAttribute, typedArray } from '../recording/tensorflow-values.js';
import { Recording } from '../recording/recording.js';
import type { StateVariable } from './state-variable.js';
import type { Session } from './session.js';

interface Unfilled {
  variable: StateVariable;
  fill: number;
}

/** Fills added variables in the current session. */
export class Filling {
  private pending: Unfilled[] = [];
  private underWay: Promise<unknown> | null = null;
  private count = 0;

  constructor(private readonly session: Session) {}

  add(variable: StateVariable, fill: number): void {
    this.pending.push({ variable, fill });
  }

  /** Whether the variable has no value and is not being filled. */
  isPending(variable: StateVariable): boolean {
    return this.pending.some((unfilled) => unfilled.variable === variable);
  }

  /** Whether every variable has its value. */
  get isDone(): boolean {
    return this.pending.length === 0 && this.underWay === null;
  }

  /** Starts to fill the added variables. A failure is reported by the runs that wait. */
  start(): void {
    if (this.pending.length === 0) return;
    const filling = Promise.all([this.underWay, this.fill()]);
    const finish = (): void => {
      if (this.underWay === filling) this.underWay = null;
    };
    this.underWay = filling;
    filling.then(finish, finish);
  }

  /** Waits for the fills in progress. @throws their error. */
  async settled(): Promise<void> {
    await this.underWay;
  }

  /** Calls `use` once all variables have values: immediately when they do, so that feeds are copied before this returns. */
  async whenDone<T>(use: () => Promise<T>): Promise<T> {
    this.start();
    if (this.underWay !== null) await this.underWay;
    return use();
  }

  /** The values are fed, so that TensorFlow cannot fold them into arrays inside the graph. */
  private async fill(): Promise<void> {
    const { graph, access } = this.session;
    const pending = this.pending;
    this.pending = [];
    const feeds: [OutputNumber, NativeArray][] = [];
    const targets = pending.map(({ variable, fill }) => {
      const { dtype, shape, resource } = variable;
      const recording = new Recording(graph, `filling/${this.count++}`, OPERATIONS);
      const value = recording.placeholder('value', [], dtype);
      const sizes = recording.constant(Int32Array.from(shape), [shape.length], 'int32');
      feeds.push([value.full.value, { dtype: TF_DTYPE[dtype], shape: [], data: typedArray([fill], dtype) }]);
      const filled = recording.output('Fill', [sizes.full.value, value.full.value], []);
      return recording.operation(
        'AssignVariableOp',
        [resource.handle, filled],
        [typeAttribute('dtype', TF_DTYPE[dtype])],
      ).operation;
    });
    const resources = pending.map(({ variable }) => variable.resource);
    await access.enter(resources, feeds, targets);
  }
}
