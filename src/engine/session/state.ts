// A State: variables in one TensorFlow session, and the queue of runs over them.
import { tf } from '#tf';
import { EngineError, ShapeError } from '../../errors.js';
import { type RawTensor, rawTensorProblem, type ReadTensor } from '../../raw-tensor.js';
import { isSameShape } from '../../shapes.js';
import { loadNative, type NativeEngine } from '../load/native.js';
import { OPERATIONS } from '../kernels/graph-kernels.js';
import { TF_DTYPE, type GraphAddon, type NativeArray } from '../load/addon.js';
import type { State, StateOptions, VariableSpec } from './contract.js';
import { Filling } from './filling.js';
import { HeldVariables } from './held-variables.js';
import { requireExact, requireFreeVariables, requireStateOptions, requireVariableSpec } from './checks.js';
import { fillIn, moveIn } from './move-in.js';
import type { PredictionPrecision } from '../../precision.js';
import type { SessionVariable } from '../recording/entries.js';
import type { GraphBackend } from '../recording/graph-backend.js';
import { nodeName, type GraphDType } from '../recording/tensorflow-values.js';
import { Recording } from '../recording/recording.js';
import { rawTensor } from './raw-result.js';
import { graphBackend } from './register.js';
import { RunQueue } from '../../calls/run-queue.js';
import { Session } from './session.js';
import { sessionConfig } from './session-config.js';
import { SignatureBound } from './signature-bound.js';
import { StateVariable, type StateVariableSpec } from './state-variable.js';
import type { FileArray } from './variable-access.js';
import { requireKinds } from '../../options.js';

/**
 * Moves variables into a new session. Until `dispose` their values are only there.
 * @throws ConfigError for options out of their range; EngineError when the native engine is not installed.
 * @example
 * const weight = tf.variable(tf.tensor1d([1, 2]));
 * const state = await createState(new Map([['weight', weight]]));
 * await state.write('weight', { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) });
 * await state.dispose(); // weight holds [3, 4]
 */
export async function createState(
  variables: ReadonlyMap<string, tf.Variable>,
  options: StateOptions = {},
): Promise<SessionState> {
  requireStateOptions(options);
  const native = loadNative();
  const state = new SessionState(native, options);
  await state.take(variables, options.values).catch(async (error: unknown) => {
    if (options.values !== undefined) await state.dispose(); // there is nothing to restore
    throw error;
  });
  native.dropLibraryPages(); // runs need half of those that creating a session needs
  return state;
}

export class SessionState implements State {
  readonly backend: GraphBackend;
  readonly held: HeldVariables;
  readonly log: (line: string) => void;
  private readonly addon: GraphAddon;
  private readonly session: Session;
  private readonly bound: SignatureBound;
  private readonly readOnly: StateOptions['readOnly'];
  /** Whether read-only matrices are packed, and operations on them fused. */
  readonly packs: boolean;
  private readonly filling: Filling;
  private readonly queue = new RunQueue({
    beforeEach: () => this.filling.start(),
    closed: () =>
      new EngineError(
        'The state was disposed: its values are in the variables again; create another state with createState, and compile functions over that',
      ),
  });
  /** Functions recorded so far, one for each signature, those of earlier sessions included. */
  recordings = 0;
  private recordingsInGraph = 0;

  constructor(native: NativeEngine, options: StateOptions) {
    const {
      maxSignatures,
      intraOpThreads = 0,
      interOpThreads = native.info.interOpThreads,
      readOnly,
      server,
      log = () => undefined,
    } = options;
    if (native.graph === null) {
      throw new EngineError(
        'The native engine lacks the addon of compiled functions: run `npx visualbert engine install` again',
      );
    }
    this.addon = native.graph as GraphAddon;
    this.backend = graphBackend(native);
    this.held = new HeldVariables(this.backend);
    this.bound = new SignatureBound(maxSignatures);
    this.readOnly = readOnly;
    this.packs = readOnly?.packs === true && !native.binding.isUsingGpuDevice() && !native.info.xla;
    if (readOnly?.precision === 'int8' && !this.packs)
      throw new EngineError(
        'createState: readOnly.precision: expected int8 with packs: true, on the CPU and without XLA, received it elsewhere; use bf16 or fp16 here',
      );
    this.log = log;
    const worker = server === undefined ? {} : { worker: server.worker };
    // For predictions, whose inputs have many shapes: it takes training 10% more memory, and is untested on GPUs.
    const placesRuns = readOnly !== undefined && server === undefined && !native.binding.isUsingGpuDevice();
    const config = sessionConfig({ intraOpThreads, interOpThreads, xla: native.info.xla, placesRuns, ...worker });
    this.session = new Session(this.addon, config, server?.target ?? '');
    this.filling = new Filling(this.session);
  }

  get variables(): ReadonlyMap<string, tf.Variable> {
    return this.held.tfVariables;
  }

  addVariable(name: string, spec: VariableSpec): tf.Variable {
    requireVariableSpec(name, spec);
    const { shape, dtype = 'float32', fill = 0, trainable = false } = spec;
    const bind = (stored: SessionVariable): tf.Variable =>
      this.backend.refer(stored, (reference) => tf.variable(reference, trainable));
    const added = this.register({ name, shape: [...shape], dtype, given: false }, bind);
    this.filling.add(added, fill);
    return added.tfVariable;
  }

  async read(name: string): Promise<RawTensor> {
    const variable = this.require(name);
    return this.enqueue(() => this.valueOf(variable));
  }

  async lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T> {
    requireKinds('lend', { 'a function': { use } });
    let lent: ArrayBufferLike | null = null;
    const takeBack = (): void => {
      if (lent !== null) this.addon.detach(lent); // immediately: memory held by JavaScript triggers garbage collections
      lent = null;
    };
    const read: ReadTensor = async (name) => {
      takeBack();
      const value = await this.valueInPlace(this.require(name));
      lent = value.data.buffer;
      return value;
    };
    return this.enqueue(() => this.filling.whenDone(() => use(read)).finally(takeBack));
  }

  async write(name: string, value: RawTensor): Promise<void> {
    const variable = this.require(name);
    const problem = rawTensorProblem(value);
    if (problem !== null) throw new ShapeError(`"${name}": ${problem}`);
    if (value.dtype !== variable.dtype || !isSameShape(value.shape, variable.shape)) {
      throw new ShapeError(
        `"${name}": expected ${variable.dtype} [${variable.shape.join(', ')}], received ${value.dtype} [${value.shape.join(', ')}]`,
      );
    }
    const isCopiedAtOnce = this.isIdle && variable.resources.length === 1;
    const data = isCopiedAtOnce ? value.data : value.data.slice();
    await this.enqueue(() => this.assign(variable, { dtype: TF_DTYPE[variable.dtype], shape: variable.shape, data }));
  }

  /** Restores the tfjs variables after every call so far, and rejects later calls, whose changes would be lost. */
  dispose(): Promise<void> {
    return this.queue.end(() => this.restore());
  }

  private async restore(): Promise<void> {
    const values = new Map<StateVariable, RawTensor>();
    await this.filling.settled().catch(() => undefined); // given variables have values even if added ones failed
    for (const variable of this.held.all) {
      if (variable.given && variable.isAlive) values.set(variable, await this.valueInPlace(variable));
    }
    this.session.close(); // until here the session is unchanged
    const variables = this.held.all;
    this.held.clear();
    for (const variable of variables) {
      const value = values.get(variable);
      if (value !== undefined) {
        const tensor = tf.tensor(value.data, value.shape, value.dtype);
        variable.tfVariable.assign(tensor);
        tensor.dispose();
      } else if (variable.isAlive) variable.tfVariable.dispose();
    }
  }

  /** Moves variables in, a bounded number of bytes at a time, and frees their arrays; or fills them with `values`. */
  async take(variables: ReadonlyMap<string, tf.Variable>, values: StateOptions['values']): Promise<void> {
    requireFreeVariables(variables, this.backend);
    const entering = [...variables].map(([name, variable]) => {
      const dtype = variable.dtype as GraphDType;
      const isMatrix = variable.rank === 2 && dtype === 'float32';
      const isReadOnly = isMatrix && this.readOnly?.matrices(name, variable) === true;
      const readIn = isReadOnly ? this.precisionOf(name) : undefined;
      const given = values === undefined;
      const isPacked = this.packs;
      const isInFile = isPacked && isMatrix && !given && this.readOnly?.tables?.(name) === true;
      return this.register({ name, shape: variable.shape, dtype, given, readIn, isPacked, isInFile }, () => variable);
    });
    await this.enqueue(() => this.session.access.enter(entering.flatMap(({ resources }) => resources)));
    const write = (variable: StateVariable, value: NativeArray | FileArray): Promise<void> =>
      this.enqueue(() => this.assign(variable, value));
    if (values !== undefined) {
      this.held.refer(...entering);
      return fillIn(entering, this.addon, values, write);
    }
    await moveIn(entering, this.addon, write, (variable) => this.held.refer(variable));
  }

  private precisionOf(name: string): PredictionPrecision | undefined {
    const { precision, exact } = this.readOnly ?? {};
    return precision === 'int8' && exact?.(name) === true ? 'fp32' : precision;
  }

  /** True when a call would start at once, without waiting for another or for variables to be filled. */
  get isIdle(): boolean {
    return this.queue.isEmpty && this.filling.isDone;
  }

  /** Runs jobs one after the other, in the order of the calls; the first of an empty queue starts before this returns. */
  enqueue<T>(job: () => Promise<T>): Promise<T> {
    return this.queue.add(job);
  }

  /** Calls `use` once all variables have values. For jobs. */
  whenFilled<T>(use: () => Promise<T>): Promise<T> {
    return this.filling.whenDone(use);
  }

  /** Whether the recording belongs to the current session. */
  has(recording: Recording): boolean {
    return recording.graph === this.session.graph;
  }

  /** Starts a recording in the current graph, or in a new one when it is full. Call only inside a job. */
  async startRecording(name: string, precision: PredictionPrecision): Promise<Recording> {
    if (this.recordingsInGraph >= this.bound.value) await this.rebuild();
    this.recordingsInGraph++;
    const scope = nodeName(/^[A-Za-z]/.test(name) ? name : `f${name}`); // TensorFlow's names begin with a letter
    return new Recording(this.session.graph, `${scope}_${this.recordings++}`, OPERATIONS, precision, this.packs);
  }

  /** Call when a signature of an earlier session was recorded again. */
  growFor(recording: Recording): void {
    this.bound.grow(recording.operationCount);
  }

  private register(spec: StateVariableSpec, bind: (stored: SessionVariable) => tf.Variable): StateVariable {
    const { name } = spec;
    this.queue.requireOpen();
    return this.held.add(name, () => new StateVariable(spec, this.session.graph, () => this.read(name), bind));
  }

  private require(name: string): StateVariable {
    this.queue.requireOpen();
    return this.held.require(name);
  }

  private valueOf(variable: StateVariable): Promise<RawTensor> {
    requireExact(variable);
    return this.whenFilled(async () => rawTensor(await this.session.access.read(variable.resource), variable.dtype));
  }

  /** The value without a copy, in the session's memory. */
  private async valueInPlace(variable: StateVariable): Promise<RawTensor> {
    requireExact(variable);
    return rawTensor(await this.session.access.share(variable.resource), variable.dtype);
  }

  private assign({ resources, dtype }: StateVariable, value: NativeArray | FileArray): Promise<void> {
    const { session } = this;
    return this.whenFilled(async () => {
      for (const resource of resources)
        await ('data' in value
          ? session.access.write(resource, value, TF_DTYPE[dtype])
          : session.writeFile(resource, value));
    });
  }

  /** Replaces the session by one with the same variables and no recordings; functions are recorded again when called. */
  private async rebuild(): Promise<void> {
    this.log(
      `compile: ${this.recordingsInGraph} signatures are recorded (at most ${this.bound.value}): starting a new session with the same state`,
    );
    await this.filling.settled();
    const filled = this.held.all.filter((variable) => !this.filling.isPending(variable)); // the others have no values to move
    await this.session.restart(this.held.all, filled);
    this.recordingsInGraph = 0;
    this.bound.restart();
  }
}
