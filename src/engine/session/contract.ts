// The interface of compiled functions: a State that holds variables in a TensorFlow session, and functions recorded over it.
//
//   const state = await createState(model.namedParameters());                 // moves the values into the session
//   const moment = state.addVariable('exp_avg.w', { shape: [3, 2] });          // zeros, made inside the session
//   const step = compile(({ inputIds, rate }) => {                             // ordinary tfjs code, run once per signature to record it
//     const { value, grads } = tf.variableGrads(() => loss(inputIds));
//     moment.assign(tf.add(moment, grads['w']));                               // becomes an assignment at the end of the run
//     return { loss: value };
//   }, { state });
//   const { loss } = await step({ inputIds: { dtype: 'int32', shape: [2, 5], data }, rate: ... });
//   await state.dispose();                                                     // values go back into the tf.Variables
import type * as tf from '@tensorflow/tfjs';
import type { PredictionPrecision } from '../../precision.js';
import type { FloatsInFile, RawTensor, RawTensors, ReadTensor } from '../../raw-tensor.js';

/** Options of `createState`. */
export interface StateOptions {
  /**
   * Maximum number of recorded signatures, over all functions, before a new session replaces this one; functions are then recorded again when
   * called. The bound doubles, with a warning, when signatures of an earlier session return, up to a quarter of the machine's memory.
   * Default 32.
   */
  maxSignatures?: number;
  /** Threads inside one operation. Default: those of the engine. */
  intraOpThreads?: number;
  /** Operations that may run at once. Default: as the engine was started, which is 1 unless set otherwise. */
  interOpThreads?: number;
  /** Matrices that compiled functions only read; the session keeps them in the fastest layout for products. Default: none. */
  readOnly?: ReadOnlyMatrices;
  /** The server of this process in a cluster, which then runs the session: its functions may use `SumOverWorkers`. Default: none. */
  server?: WorkerServer;
  /**
   * Initial values by the variable's name, where the variables do not hold them yet: requested one after another, arrays used before the next but
   * one is requested. Values in a file are read without an array in JavaScript. Matrices of `readOnly` are then kept only in the form that products read, and `dispose` disposes the variables instead of
   * restoring their values. Default: the variables' own.
   */
  values?: (name: string) => Promise<Float32Array | FloatsInFile>;
  /** Receives one line per event: signatures recorded, sessions rebuilt. Default: none. */
  log?: (line: string) => void;
}

/** This process's server of a cluster, made by `startServer`. */
export interface WorkerServer {
  /** TensorFlow's address of the server, for sessions. */
  readonly target: string;
  /** The number of this process among the workers, from 0. */
  readonly worker: number;
}

/**
 * Matrices that are never assigned. The session keeps them transposed, which makes `tf.matMul(x, w, false, true)` faster, especially with
 * few rows; for `bf16` and `fp16` it also keeps the transpose in low precision, and the matrix itself unless `values` supplied it.
 */
export interface ReadOnlyMatrices {
  matrices: (name: string, variable: tf.Variable) => boolean;
  /** Precision of the functions that multiply by them; other functions may use them too. */
  precision: PredictionPrecision;
  /**
   * Pack them for products with few rows instead of transposing them, where our own kernels run: on the CPU, not in fp16. In `bf16` and `int8`
   * the session keeps the matrix as well, unless `values` supplied it. Default false.
   */
  packs?: boolean;
  /** For `int8`: matrices whose products stay in float32. Default: none. */
  exact?: (name: string) => boolean;
  /**
   * Tables of which functions gather rows, for all of which `values` returns locations in files: where matrices are packed, the rows are read there
   * at each run, and the session keeps the files open. Other operations read the whole table. A call fails once its file was overwritten or cut off;
   * renaming another file to its name is harmless. Default: none.
   */
  tables?: (name: string) => boolean;
}

/** A variable made inside the session. */
export interface VariableSpec {
  shape: readonly number[];
  /** Default float32. */
  dtype?: 'float32' | 'int32';
  /** Default 0. */
  fill?: number;
  /** Default false. */
  trainable?: boolean;
}

/**
 * Variables of one TensorFlow session, for every function compiled over them.
 *
 * While a State holds a `tf.Variable`, its values are in the session only: `await variable.data()` reads them, `variable.assign` works
 * only inside compiled functions (after one outside, the next call throws), and eager arithmetic on the variable throws an error that
 * names it.
 */
export interface State {
  /** Every variable, by name: those given to `createState`, then those added. */
  readonly variables: ReadonlyMap<string, tf.Variable>;
  /** Adds a variable, filled with `fill` (default 0) inside the session, without an array in JavaScript. */
  addVariable(name: string, spec: VariableSpec): tf.Variable;
  /** The values after every run called so far. */
  read(name: string): Promise<RawTensor>;
  /**
   * Reads many variables without copies, after every run called so far. Each array becomes empty when the next is read or `use` settles.
   * Later calls of the state wait for `use`, which must not wait for one of them.
   */
  lend<T>(use: (read: ReadTensor) => Promise<T>): Promise<T>;
  /** Replaces the values, after every run called so far. The array is copied at once. */
  write(name: string, value: RawTensor): Promise<void>;
  /**
   * Ends the session after every call so far; later ones are rejected. Variables given to `createState` become ordinary ones again, with their
   * last values; added ones are disposed.
   */
  dispose(): Promise<void>;
}

/** Options of a compiled function. */
export interface CompileOptions {
  state: State;
  /** Shows up in errors, logs and profiles. Default: the function's own name. */
  name?: string;
  /** Default `fp32`. */
  precision?: PredictionPrecision;
}

/**
 * A recorded function. Calls over one State run in the order of the calls, whether awaited or not, off the event loop.
 * Inputs are copied when the call is made. The function is recorded once for each signature: names, dtypes and shapes of the inputs.
 */
export interface Compiled {
  (inputs: RawTensors): Promise<RawTensors>;
  /** Writes TensorFlow's own timeline of the next call as a Chrome trace (chrome://tracing, https://ui.perfetto.dev). */
  profile(inputs: RawTensors): Promise<{ outputs: RawTensors; trace: ChromeTrace }>;
}

/** The JSON of a Chrome trace. */
export interface ChromeTrace {
  traceEvents: readonly TraceEvent[];
}

/** An operation on its thread (`X`), or the name of a device (`M`). */
export interface TraceEvent {
  /** The operation's type; `process_name` for a device. */
  name: string;
  ph: 'X' | 'M';
  /** The device's number. */
  pid: number;
  /** `name`: of the operation inside its recording, or of the device. */
  args: { name: string; label?: string };
  cat?: 'op';
  tid?: number;
  /** Start and length in microseconds. */
  ts?: number;
  dur?: number;
}
