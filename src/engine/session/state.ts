// A State: variables in one TensorFlow session, and the queue of runs over them.
import * as tf from '@tensorflow/tfjs';
import { EngineError, ShapeError } from '../../errors.js';
import { type RawTensor, rawTensorProblem, type ReadTensor } from '../../raw-tensor.js';
import { collectGarbage } from '../load/collect-garbage.js';
import { loadNative, type NativeEngine } from '../load/native.js';
import {
  NativeGraph,
  TF_DTYPE,
  type GraphAddon,
  type Handle,
  type NativeArray,
  type NativeResult,
  type OutputNumber,
} from '../load/addon.js';
import type { State, StateOptions, VariableSpec } from './contract.js';
import type { Precision } from '../recording/precision.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import { StateVariable } from './held-variable.js';
import { nodeName, Recording, typeAttribute, typedArray, type GraphDType } from '../recording/recording.js';
import { VariableAccess } from './variable-access.js';
import { graphBackend } from './register.js';
import { sessionConfig } from './session-config.js';

const DEFAULT_MAX_SIGNATURES = 32;
/** Bytes that enter the session in one run: bounds what moving a model costs beside the model. */
const MOVE_BYTES = 32 << 20;

/**
 * Moves variables into a new session. Until `dispose` their values are there and nowhere else.
 * @throws EngineError when the native engine is not installed.
 */
export async function createState(
  variables: ReadonlyMap<string, tf.Variable>,
  options: StateOptions = {},
): Promise<SessionState> {
  const state = new SessionState(loadNative(), options);
  await state.take(variables);
  return state;
}

export class SessionState implements State {
  readonly backend: GraphBackend;
  readonly log: (line: string) => void;
  private graph: NativeGraph;
  private access: VariableAccess;
  private readonly addon: GraphAddon;
  private readonly config: Uint8Array;
  private readonly maxSignatures: number;
  private readonly readOnly: StateOptions['readOnly'];
  private readonly held = new Map<string, StateVariable>();
  /** Variables that were added since the last run, with their filling. */
  private unfilled: { held: StateVariable; fill: number }[] = [];
  /** Under way while added variables are filled: recording goes on meanwhile, and runs wait. */
  private filling: Promise<unknown> | null = null;
  /** Functions recorded so far, one for each signature, those of earlier sessions included. */
  recordings = 0;
  private recordingCount = 0;
  private recordingsInGraph = 0;
  private waiting = 0;
  private tail: Promise<unknown> = Promise.resolve();
  private isOpen = true;
  /** Set by the first call of `dispose`. */
  private ending: Promise<void> | null = null;

  constructor(native: NativeEngine, options: StateOptions) {
    const {
      maxSignatures = DEFAULT_MAX_SIGNATURES,
      intraOpThreads = 0,
      interOpThreads = native.info.interOpThreads,
      readOnly,
      log = () => undefined,
    } = options;
    if (native.graph === null) {
      throw new EngineError(
        'The native engine lacks the addon of compiled functions: run `npx visualbert engine install` again',
      );
    }
    this.addon = native.graph as GraphAddon;
    this.backend = graphBackend(native);
    this.maxSignatures = Math.max(1, maxSignatures);
    this.readOnly = readOnly;
    this.log = log;
    this.config = sessionConfig({ intraOpThreads, interOpThreads, xla: native.info.xla });
    this.graph = new NativeGraph(this.addon, this.config);
    this.access = new VariableAccess(this.graph);
  }

  get variables(): ReadonlyMap<string, tf.Variable> {
    return new Map([...this.held].map(([name, { variable }]) => [name, variable]));
  }

  addVariable(name: string, { shape, dtype = 'float32', fill = 0, trainable = false }: VariableSpec): tf.Variable {
    const held = this.register(name, [...shape], dtype, false);
    this.unfilled.push({ held, fill });
    held.variable = this.backend.refer(held, (reference) => tf.variable(reference, trainable));
    return held.variable;
  }

  async read(name: string): Promise<RawTensor> {
    const held = this.require(name);
    return this.enqueue(() => this.valueOf(held));
  }

  async lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> {
    let lent: ArrayBufferLike | null = null;
    const takeBack = (): void => {
      if (lent !== null) this.addon.detach(lent); // at once: memory that JavaScript holds makes it collect garbage
      lent = null;
    };
    const read: ReadTensor = async (name) => {
      takeBack();
      const value = await this.valueInPlace(this.require(name));
      lent = value.data.buffer;
      return value;
    };
    return this.enqueue(() => this.whenFilled(() => use(read)).finally(takeBack));
  }

  async write(name: string, value: RawTensor): Promise<void> {
    const held = this.require(name);
    const problem = rawTensorProblem(value);
    if (problem !== null) throw new ShapeError(`"${name}": ${problem}`);
    if (value.dtype !== held.dtype || value.shape.join() !== held.shape.join()) {
      throw new ShapeError(
        `"${name}": expected ${held.dtype} [${held.shape.join(', ')}], received ${value.dtype} [${value.shape.join(', ')}]`,
      );
    }
    const isCopiedAtOnce = this.isIdle && held.resources.length === 1;
    const data = isCopiedAtOnce ? value.data : value.data.slice();
    await this.enqueue(() => this.assign(held, { dtype: TF_DTYPE[held.dtype], shape: held.shape, data }));
  }

  dispose(): Promise<void> {
    this.ending ??= this.end();
    return this.ending;
  }

  /** Gives the values back after every call so far, and refuses calls from now on: what they change would be lost. */
  private async end(): Promise<void> {
    const values = new Map<StateVariable, RawTensor>();
    const closed = this.enqueue(async () => {
      await this.filling?.catch(() => undefined); // given variables have their values, whatever became of added ones
      for (const held of this.held.values()) {
        if (held.given && held.isAlive) values.set(held, await this.valueInPlace(held));
      }
      this.graph.close();
    });
    this.isOpen = false;
    await closed.catch((error: unknown) => {
      [this.isOpen, this.ending] = [true, null]; // nothing is lost: the session is as it was
      throw error;
    });
    for (const held of this.held.values()) {
      this.backend.release(held);
      const value = values.get(held);
      if (value !== undefined) {
        const tensor = tf.tensor(value.data, value.shape, value.dtype);
        held.variable.assign(tensor);
        tensor.dispose();
      } else if (held.isAlive) held.variable.dispose();
    }
    this.held.clear();
  }

  /** Moves variables in, a bounded number of bytes at a time, and frees the arrays that they leave. */
  async take(variables: ReadonlyMap<string, tf.Variable>): Promise<void> {
    requireFree(variables, this.backend);
    const entering = [...variables].map(([name, variable]) => {
      const dtype = variable.dtype as GraphDType;
      const isMatrix = variable.rank === 2 && dtype === 'float32';
      const isReadOnly = isMatrix && this.readOnly?.matrices(name, variable) === true;
      const held = this.register(name, variable.shape, dtype, true, isReadOnly ? this.readOnly?.precision : undefined);
      held.variable = variable;
      return held;
    });
    let unknown = entering.flatMap(({ resources }) => resources);
    let batch: [StateVariable, NativeArray][] = [];
    let bytes = 0;
    let isLarge = false;
    const flush = async (): Promise<void> => {
      const [moved, entered] = [batch, unknown];
      isLarge ||= bytes >= MOVE_BYTES;
      [batch, bytes, unknown] = [[], 0, []];
      await this.enqueue(async () => {
        await this.access.enter(entered);
        for (const [held, array] of moved) await this.assign(held, array);
      });
      if (!isLarge) return;
      collectGarbage();
      this.addon.returnMemory();
    };
    for (const held of entering) {
      const { dtype, shape } = held;
      const data = typedArray(held.variable.dataSync(), dtype);
      this.refer(held);
      batch.push([held, { dtype: TF_DTYPE[dtype], shape, data }]);
      bytes += data.byteLength;
      if (bytes >= MOVE_BYTES) await flush();
    }
    await flush();
  }

  /** True when a call would start at once, without waiting for another or for variables to be filled. */
  get isIdle(): boolean {
    return this.waiting === 0 && this.unfilled.length === 0 && this.filling === null;
  }

  /** Runs jobs one after the other, in the order of the calls; the first of a quiet queue starts before this returns. */
  async enqueue<T>(job: () => Promise<T>): Promise<T> {
    this.requireOpen();
    const started = async (): Promise<T> => {
      if (this.unfilled.length > 0) this.startFilling();
      return job();
    };
    const result = this.waiting === 0 ? started() : this.tail.then(started);
    this.waiting++;
    const settle = (): void => void this.waiting--;
    this.tail = result.then(settle, settle);
    return result;
  }

  /** Calls once all variables have values: at once when they have, so that feeds are copied before this returns. For jobs. */
  async whenFilled<T>(use: () => Promise<T>): Promise<T> {
    if (this.unfilled.length > 0) this.startFilling();
    if (this.filling !== null) await this.filling;
    return use();
  }

  /** Whether the recording's operations are still there. */
  has(recording: Recording): boolean {
    return recording.graph === this.graph;
  }

  /** A new recording in the present graph, or in a new one when this is full. To be called by a job. */
  async startRecording(name: string, precision: Precision): Promise<Recording> {
    if (this.recordingsInGraph >= this.maxSignatures) await this.rebuild();
    this.recordingsInGraph++;
    this.recordings++;
    const scope = nodeName(/^[A-Za-z]/.test(name) ? name : `f${name}`); // TensorFlow's names begin with a letter
    return new Recording(this.graph, `${scope}_${this.recordingCount++}`, precision);
  }

  /** @throws EngineError when a variable was assigned outside of a compiled function: its value in the session is another, and stays. */
  requireUnassigned(): void {
    const assigned = [...this.held.values()].filter((held) => held.isAlive && held.variable.dataId !== held.dataId);
    if (assigned.length === 0) return;
    for (const held of assigned) this.refer(held);
    throw new EngineError(
      `The variable "${assigned[0]?.name}" was assigned outside of a compiled function, which does not reach the session; use state.write, or assign it inside`,
    );
  }

  /** Records with every variable readable and assignable. Returns the operations that assign at the end of the run. */
  record(recording: Recording, run: () => void): number[] {
    const own = new Set([...this.held.values()].map(({ variable }) => variable));
    return this.backend.record(recording, own, () => {
      try {
        run();
        const assigned = [...this.held.values()].filter((held) => held.isAlive && held.variable.dataId !== held.dataId);
        const values = assigned.map((held) => [held, this.backend.nodeOf(held.variable)] as const);
        values.sort(([, a], [, b]) => Number(a.update !== undefined) - Number(b.update !== undefined)); // updates in place come last
        const operations = values.map(([held, value]) => held.assignAtEnd(recording, value));
        recording.requireSafeUpdates();
        return [...new Set(operations)];
      } finally {
        for (const held of this.held.values()) {
          if (held.isAlive && held.variable.dataId !== held.dataId) this.refer(held);
        }
      }
    });
  }

  /** Makes the tfjs variable stand for the held value. */
  private refer(held: StateVariable): void {
    this.backend.refer(held, (reference) => held.variable.assign(reference));
  }

  private register(
    name: string,
    shape: number[],
    dtype: GraphDType,
    given: boolean,
    readIn?: Precision,
  ): StateVariable {
    this.requireOpen();
    if (this.held.has(name)) throw new EngineError(`The state already has a variable "${name}"`);
    const held = new StateVariable(name, shape, dtype, given, () => this.read(name), readIn);
    held.enter(this.graph);
    this.held.set(name, held);
    return held;
  }

  private requireOpen(): void {
    if (!this.isOpen) throw new EngineError('The state was disposed: its values went back into the variables');
  }

  private require(name: string): StateVariable {
    this.requireOpen();
    const held = this.held.get(name);
    if (held === undefined)
      throw new EngineError(
        `The state has no variable "${name}"; it has ${[...this.held.keys()].slice(0, 5).join(', ')}, ...`,
      );
    return held;
  }

  private valueOf({ resource, dtype }: StateVariable): Promise<RawTensor> {
    return this.whenFilled(async () => rawTensor(await this.access.read(resource), dtype));
  }

  /** The value in the session's own memory. */
  private async valueInPlace({ resource, dtype }: StateVariable): Promise<RawTensor> {
    return rawTensor(await this.access.share(resource), dtype);
  }

  private assign({ resources, dtype }: StateVariable, value: NativeArray): Promise<void> {
    return this.whenFilled(async () => {
      for (const resource of resources) await this.access.write(resource, value, TF_DTYPE[dtype]);
    });
  }

  private startFilling(): void {
    const filling = Promise.all([this.filling, this.fill()]);
    const finish = (): void => {
      if (this.filling === filling) this.filling = null;
    };
    this.filling = filling;
    filling.then(finish, finish); // the run that waits for it reports a failure
  }

  /** Fills added variables. The filling is fed, so that TensorFlow cannot fold it into arrays inside the graph. */
  private async fill(): Promise<void> {
    const pending = this.unfilled;
    this.unfilled = [];
    const feeds: [OutputNumber, NativeArray][] = [];
    const targets = pending.map(({ held, fill }, index) => {
      const { dtype, shape, resource } = held;
      const recording = new Recording(this.graph, `fill_${this.recordingCount++}_${index}`, 'fp32');
      const value = recording.placeholder('value', [], dtype);
      const sizes = recording.constant(Int32Array.from(shape), [shape.length], 'int32');
      const references = [recording.full(sizes), recording.full(value)];
      feeds.push([recording.full(value), { dtype: TF_DTYPE[dtype], shape: [], data: typedArray([fill], dtype) }]);
      const [filled] = recording.operation('Fill', references, []).nodes;
      const inputs = [resource.handle, filled === undefined ? -1 : recording.full(filled)];
      return recording.operation('AssignVariableOp', inputs, [typeAttribute('dtype', TF_DTYPE[dtype])]).operation;
    });
    await this.access.enter(
      pending.map(({ held }) => held.resource),
      feeds,
      targets,
    );
  }

  /** A new session with the same variables and nothing recorded; functions are recorded again when they are called. */
  private async rebuild(): Promise<void> {
    this.log(
      `compile: ${this.recordingsInGraph} signatures fill the session (maxSignatures ${this.maxSignatures}): starting a new one with the same state`,
    );
    await this.filling;
    const unfilled = new Set(this.unfilled.map(({ held }) => held)); // added meanwhile: they have no values to take over
    const filled = [...this.held.values()].filter((held) => !unfilled.has(held));
    const values: Handle<'tensor'>[] = [];
    for (const resource of filled.flatMap((held) => held.resources)) values.push(await this.access.hold(resource));
    this.graph.close();
    this.graph = new NativeGraph(this.addon, this.config);
    this.access = new VariableAccess(this.graph);
    for (const held of this.held.values()) held.enter(this.graph);
    const entered = filled.flatMap((held) => held.resources);
    await this.access.enter(entered);
    for (const [index, resource] of entered.entries())
      await this.access.restore(resource, values[index] as Handle<'tensor'>);
    this.recordingsInGraph = 0;
  }
}

/** Checks variables before any of them is moved: one that is refused must not leave the others behind in a state that nobody has. */
function requireFree(variables: ReadonlyMap<string, tf.Variable>, backend: GraphBackend): void {
  const names = new Map<tf.Variable, string>();
  for (const [name, variable] of variables) {
    const { dtype } = variable;
    const twin = names.get(variable);
    names.set(variable, name);
    const what = `createState: the variable "${name}"`;
    if (variable.isDisposed) throw new EngineError(`${what} was disposed`);
    if (twin !== undefined) throw new EngineError(`${what} is also given as "${twin}"; give each variable once`);
    if (backend.heldBy(variable.dataId) !== null) {
      throw new EngineError(`${what} is held by another compiled state; dispose that one first`);
    }
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new EngineError(`${what} is ${dtype}; a state holds float32, int32 and bool`);
    }
  }
}

/** What TensorFlow returned, as an array of our own realm. */
export function rawTensor({ shape, buffer }: NativeResult, dtype: GraphDType): RawTensor {
  const data =
    dtype === 'float32'
      ? new Float32Array(buffer)
      : dtype === 'int32'
        ? new Int32Array(buffer)
        : new Uint8Array(buffer);
  return { dtype, shape: [...shape], data };
}
