// compile(): records a function of tensors once for each signature of its inputs, and runs the recording.
import { z } from 'zod';
import { tf } from '#tf';
import { EngineError, errorMessage } from '../../errors.js';
import { type RawTensor, type RawTensors } from '../../raw-tensor.js';
import { TF_DTYPE, type NativeArray, type OutputNumber } from '../load/addon.js';
import { callerOf } from '../recording/caller.js';
import { chromeTrace } from './chrome-trace.js';
import type { ChromeTrace, Compiled, CompileOptions } from './contract.js';
import type { Tensors } from '../../raw-tensor.js';
import { PREDICTION_PRECISIONS, type PredictionPrecision } from '../../precision.js';
import { expected, oneOf, parseOptions, shown, text } from '../../options.js';
import type { GraphDType } from '../recording/tensorflow-values.js';
import type { Recording } from '../recording/recording.js';
import { rawTensor } from './raw-result.js';
import { TRACE_RUN } from './session-config.js';
import { formatSignature, type Signature, Signatures } from './signature.js';
import { SessionState } from './state.js';

const schema = z.strictObject({
  state: z.custom<SessionState>((value) => value instanceof SessionState, {
    error: expected('a state made by createState'),
  }),
  name: text('a name').optional(),
  precision: oneOf(PREDICTION_PRECISIONS).optional(),
});

/** One recording of a function. */
interface Recorded {
  recording: Recording;
  feeds: Map<string, OutputNumber>;
  fetches: { name: string; reference: OutputNumber; dtype: GraphDType }[];
  /** Operations that assign variables. */
  targets: number[];
}

/**
 * Compiles a function of tensors over a state: ordinary tfjs code that reads the state's variables, may take gradients, and may assign variables.
 *
 * The function runs only to be recorded, once for each signature, and must do the same for equal signatures. Its result is recorded, not
 * executed: values cannot be read inside. Tensors that it captures from outside become constants.
 * @throws EngineError at a call, when the function reads a value, depends on data in its shapes, uses a disposed variable or one of no state,
 * or an operation that cannot be recorded; the message names the operation and the caller's line. ConfigError for options that cannot be used.
 * @example
 * const weight = tf.variable(tf.tensor1d([1, 2]));
 * const state = await createState(new Map([['weight', weight]]));
 * const scaled = compile(({ x }) => ({ y: tf.mul(x, weight) }), { state });
 * const { y } = await scaled({ x: { dtype: 'float32', shape: [2], data: Float32Array.of(3, 4) } }); // y.data: [3, 8]
 * await state.dispose();
 */
export function compile(fn: (inputs: Tensors) => Tensors, options: CompileOptions): Compiled {
  if (typeof fn !== 'function') throw new EngineError(`compile: expected a function of tensors, received ${shown(fn)}`);
  const { state, name = fn.name || 'function', precision = 'fp32' } = parseOptions('compile', schema, options);
  const compiled = new CompiledFunction(fn, state, name, precision);
  const call = (inputs: RawTensors): Promise<RawTensors> => compiled.call(inputs);
  const profile = (inputs: RawTensors): Promise<{ outputs: RawTensors; trace: ChromeTrace }> =>
    compiled.profile(inputs);
  return Object.assign(call, { profile });
}

class CompiledFunction {
  private readonly signatures: Signatures;
  /** Null: recorded in an earlier session. */
  private readonly recorded = new Map<Signature, Recorded | null>();

  constructor(
    private readonly fn: (inputs: Tensors) => Tensors,
    private readonly state: SessionState,
    private readonly name: string,
    private readonly precision: PredictionPrecision,
  ) {
    this.signatures = new Signatures(name);
  }

  async call(inputs: RawTensors): Promise<RawTensors> {
    return (await this.enqueue(inputs, undefined)).outputs;
  }

  async profile(inputs: RawTensors): Promise<{ outputs: RawTensors; trace: ChromeTrace }> {
    const { outputs, metadata } = await this.enqueue(inputs, TRACE_RUN);
    return { outputs, trace: chromeTrace(metadata ?? new Uint8Array()) };
  }

  private enqueue(
    inputs: RawTensors,
    runOptions: Uint8Array | undefined,
  ): Promise<{ outputs: RawTensors; metadata: Uint8Array | null }> {
    const signature = this.signatures.of(inputs);
    const startsAtOnce = this.state.isIdle && this.present(signature) !== undefined;
    const arrays = startsAtOnce ? inputs : copyOf(inputs);
    return this.state.enqueue(async () => {
      this.state.held.requireUnassigned();
      const ready = this.present(signature) ?? (await this.record(arrays, signature));
      return this.run(ready, arrays, runOptions);
    });
  }

  private present(signature: Signature): Recorded | undefined {
    const found = this.recorded.get(signature);
    return found && this.state.has(found.recording) ? found : undefined;
  }

  private async run(
    { recording, feeds, fetches, targets }: Recorded,
    inputs: RawTensors,
    runOptions: Uint8Array | undefined,
  ): Promise<{ outputs: RawTensors; metadata: Uint8Array | null }> {
    const fed = [...feeds].map(([name, reference]) => [reference, nativeArray(inputs[name] as RawTensor)] as const);
    const references = fetches.map(({ reference }) => reference);
    let finished;
    try {
      finished = await this.state.whenFilled(() => recording.graph.run(fed, references, targets, runOptions));
    } catch (error) {
      throw new EngineError(`${this.name}: ${errorMessage(error)}`);
    }
    const { results, metadata } = finished;
    const outputs = Object.fromEntries(
      fetches.flatMap(({ name, dtype }, i) => (results[i] ? [[name, rawTensor(results[i], dtype)]] : [])),
    );
    return { outputs, metadata };
  }

  private async record(inputs: RawTensors, signature: Signature): Promise<Recorded> {
    const { state } = this;
    const recording = await state.startRecording(this.name, this.precision);
    const started = performance.now();
    const feeds = new Map<string, OutputNumber>();
    const fetches: Recorded['fetches'] = [];
    let targets: number[];
    try {
      targets = tf.tidy(() =>
        state.held.record(recording, () => {
          const tensors = Object.entries(inputs).map(([name, { shape, dtype }]) => {
            const node = recording.placeholder(name, shape, dtype);
            feeds.set(name, node.full.value);
            return [name, state.backend.tensorOf(node, `input "${name}"`)] as const;
          });
          const outputs: unknown = this.fn(Object.fromEntries(tensors));
          for (const [name, tensor] of Object.entries(requireTensors(outputs))) {
            const result = state.backend.nodeOf(tensor);
            const isInput = [...feeds.values()].includes(result.full.value); // TensorFlow cannot fetch a fed output
            const node = isInput || recording.updates.areUsed ? recording.kept(result) : result;
            fetches.push({ name, reference: node.full.value, dtype: node.dtype });
          }
        }),
      );
    } catch (error) {
      if (error instanceof EngineError) throw new EngineError(`${this.name}: ${error.message}`, { cause: error });
      const location = error instanceof Error ? callerOf(error) : '';
      throw new EngineError(`${this.name} cannot be recorded: ${errorMessage(error)}${location}`, { cause: error });
    }
    for (const [known, old] of this.recorded)
      if (old !== null && !state.has(old.recording)) this.recorded.set(known, null);
    if (this.recorded.get(signature) === null) state.growFor(recording);
    const recorded = { recording, feeds, fetches, targets };
    this.recorded.set(signature, recorded);
    state.log(
      `compile: recorded ${this.name}(${formatSignature(signature)}), ${recording.operationCount} operations in ${Math.round(performance.now() - started)} ms`,
    );
    return recorded;
  }
}

function requireTensors(outputs: unknown): Tensors {
  if (outputs instanceof Promise) throw new EngineError('a compiled function must not be async');
  if (
    typeof outputs !== 'object' ||
    outputs === null ||
    !Object.values(outputs).every((value) => value instanceof tf.Tensor)
  ) {
    throw new EngineError('a compiled function must return an object of tensors');
  }
  return outputs as Tensors;
}

function nativeArray({ dtype, shape, data }: RawTensor): NativeArray {
  return { dtype: TF_DTYPE[dtype], shape, data };
}

function copyOf(inputs: RawTensors): RawTensors {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
      name,
      { dtype, shape: [...shape], data: data.slice() },
    ]),
  );
}
