// The types of the native addon (native/graph/), and one graph of it as an object.
import { EngineError } from '../../errors.js';
import { inputPattern, type InputPattern } from './operation-definition.js';

/** dtypes as TensorFlow numbers them. */
export const TF_DTYPE = {
  float32: 1,
  int32: 3,
  uint8: 4,
  string: 7,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  float16: 19,
  resource: 20,
  uint64: 23,
} as const;
/** Attribute types as TensorFlow numbers them. */
export const TF_ATTR = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5, tensor: 6 } as const;

declare const HANDLE: unique symbol;
/** A native object. */
export interface Handle<Kind extends string> {
  readonly [HANDLE]: Kind;
}

/** An array as the addon reads it. */
export interface NativeArray {
  dtype: number;
  shape: readonly number[];
  data: Float32Array | Int32Array | Uint8Array | Uint16Array | BigUint64Array;
}

/** An operation's attribute in the form that tfjs's kernels write. */
export interface OperationAttribute {
  name: string;
  type: number;
  value: unknown;
}

/** An output of an operation: the outputs of a graph are numbered in the order in which they are added, and so are its operations. */
export type OutputNumber = number;

/** A size of -1 is unknown until the run; a shape of null has unknown rank. */
export interface OutputDescription {
  number: OutputNumber;
  dtype: number;
  shape: number[] | null;
}

/** The output of an operation that has one. @throws EngineError for an operation without outputs. */
export function firstOutput({ outputs: [first] }: { outputs: readonly OutputDescription[] }): OutputNumber {
  if (first === undefined) throw new EngineError('an operation without output cannot be used as a value');
  return first.number;
}

/** A result that the addon's `run` passes to its callback. */
export interface NativeResult {
  dtype: number;
  shape: number[];
  buffer: ArrayBuffer;
}

/** What a run does with its results, as native/graph/run.cc numbers it. */
const RESULTS = { copied: 0, held: 1, shared: 2 } as const;

/** Values by the output that they are fed to. */
export type FedValues = readonly (readonly [OutputNumber, NativeArray | Handle<'tensor'>])[];

/** The functions of native/graph/graph.cc. */
export interface GraphAddon {
  createGraph(config: Uint8Array, target: string): Handle<'graph'>;
  startServer(definition: Uint8Array, localPort: number): string;
  closeGraph(graph: Handle<'graph'>): void;
  addOperation(
    graph: Handle<'graph'>,
    type: string,
    name: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[],
    controls: readonly number[],
    colocated: number | null,
  ): { operation: number; outputs: OutputDescription[] };
  keepHandle(graph: Handle<'graph'>, handle: Handle<'tensor'>): number;
  operationDefinition(graph: Handle<'graph'>, type: string): ArrayBuffer;
  graphDefinition(graph: Handle<'graph'>): ArrayBuffer;
  registeredKernels(type: string): ArrayBuffer;
  duplicate(descriptor: number): number;
  detach(buffer: ArrayBufferLike): void;
  allFinite(values: Float32Array): boolean;
  endProcess(code: number): never;
  returnMemory(): void;
  usesOneDnn(): boolean;
  run(
    graph: Handle<'graph'>,
    feeds: FedValues,
    fetches: readonly OutputNumber[],
    targets: readonly number[],
    runOptions: Uint8Array,
    results: number,
    callback: (
      error: string | null,
      results: (NativeResult | Handle<'tensor'>)[],
      metadata: ArrayBuffer | null,
    ) => void,
  ): void;
}

const NO_OPTIONS = new Uint8Array();

/** One TensorFlow graph with its session. */
export class NativeGraph {
  private readonly handle: Handle<'graph'>;
  /** The operation of each output. */
  private readonly owners: number[] = [];
  /** Of the types of operations asked for so far. */
  private readonly patterns = new Map<string, InputPattern>();

  /**
   * @param target of the server that runs the session; empty: the session runs in this process.
   * @throws EngineError when TensorFlow refuses the configuration.
   */
  constructor(
    private readonly addon: GraphAddon,
    config: Uint8Array,
    target = '',
  ) {
    this.handle = addon.createGraph(config, target);
  }

  /**
   * Adds an operation; TensorFlow infers the shapes of its outputs. @param colocated number of an operation whose device it shares.
   * @throws EngineError with TensorFlow's reason.
   */
  add(
    type: string,
    name: string,
    inputs: readonly (OutputNumber | readonly OutputNumber[])[],
    attributes: readonly OperationAttribute[] = [],
    controls: readonly number[] = [],
    colocated: number | null = null,
  ): { operation: number; outputs: OutputDescription[] } {
    const added = this.addon.addOperation(this.handle, type, name, inputs, attributes, controls, colocated);
    for (const { number } of added.outputs) this.owners[number] = added.operation;
    return added;
  }

  /** The operation that an output belongs to. @throws EngineError for a number that no output has. */
  operationOf(output: OutputNumber): number {
    const owner = this.owners[output];
    if (owner === undefined)
      throw new EngineError(`expected the number of an output below ${this.owners.length}, received ${output}`);
    return owner;
  }

  /** Which inputs of an operation are lists. @throws EngineError for an operation that TensorFlow does not have. */
  inputPattern(type: string): InputPattern {
    const known = this.patterns.get(type);
    if (known !== undefined) return known;
    const pattern = inputPattern(new Uint8Array(this.addon.operationDefinition(this.handle, type)));
    this.patterns.set(type, pattern);
    return pattern;
  }

  /** Runs on a worker thread. Feeds are copied before this returns. Rejects with EngineError. */
  async run(
    feeds: FedValues,
    fetches: readonly OutputNumber[],
    targets: readonly number[],
    runOptions: Uint8Array = NO_OPTIONS,
  ): Promise<{ results: NativeResult[]; metadata: Uint8Array | null }> {
    if (fetches.length + targets.length === 0) return { results: [], metadata: null };
    const { results, metadata } = await this.start(feeds, fetches, targets, runOptions, RESULTS.copied);
    return { results: results as NativeResult[], metadata: metadata === null ? null : new Uint8Array(metadata) };
  }

  /** The values of outputs, left in native memory to be fed to another graph. */
  async hold(
    feeds: FedValues,
    fetches: readonly OutputNumber[],
    targets: readonly number[] = [],
  ): Promise<Handle<'tensor'>[]> {
    return (await this.start(feeds, fetches, targets, NO_OPTIONS, RESULTS.held)).results as Handle<'tensor'>[];
  }

  /** The number for which the operation `VisualbertVariable` returns a variable. @param handle a held handle. */
  keepHandle(handle: Handle<'tensor'>): number {
    return this.addon.keepHandle(this.handle, handle);
  }

  /** The values of outputs in TensorFlow's own memory: for variables that no later run writes. */
  async share(feeds: FedValues, fetches: readonly OutputNumber[]): Promise<NativeResult[]> {
    return (await this.start(feeds, fetches, [], NO_OPTIONS, RESULTS.shared)).results as NativeResult[];
  }

  /** Ends the session and frees its variables. No run may be under way. */
  close(): void {
    this.addon.closeGraph(this.handle);
  }

  private start(
    feeds: FedValues,
    fetches: readonly OutputNumber[],
    targets: readonly number[],
    runOptions: Uint8Array,
    kind: number,
  ): Promise<{ results: (NativeResult | Handle<'tensor'>)[]; metadata: ArrayBuffer | null }> {
    return new Promise((resolve, reject) => {
      this.addon.run(this.handle, feeds, fetches, targets, runOptions, kind, (error, results, metadata) => {
        if (error !== null) reject(new EngineError(error));
        else resolve({ results, metadata });
      });
    });
  }
}
