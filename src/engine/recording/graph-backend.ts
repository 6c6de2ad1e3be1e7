// The tfjs backend `graph`: its kernels are tfjs-node's, but each operation is added to a TensorFlow graph instead of being executed.
import { tf } from '#tf';
import { EngineError } from '../../errors.js';
import { nodeKernelBackendClass, type NodeKernelBackend } from '../load/kernel-backend.js';
import type { NativeEngine } from '../load/native.js';
import type { OperationAttribute } from '../load/addon.js';
import { currentCaller } from './caller.js';
import { Entries, type SessionVariable } from './entries.js';
import { typedArray, type GraphDType } from './tensorflow-values.js';
import type { Node } from './node.js';
import type { Recording } from './recording.js';

export const GRAPH = 'graph';

/** Arrays that a function captures become constants of its graph; larger ones must be inputs or variables of the state. */
const LARGEST_CAPTURE_BYTES = 4 << 20;

/** What recordings and states need besides tfjs's backend interface. */
export interface GraphBackend extends NodeKernelBackend {
  /** Runs `record` with this backend current and operations going into `recording`. `own` are the variables that it may assign. */
  record<T>(recording: Recording, own: ReadonlySet<tf.Variable>, record: () => T): T;
  /** The node of a tensor: recorded, an array, a variable of a state, or captured from another backend. */
  nodeOf(tensor: tf.TensorInfo): Node;
  /** A tensor that represents a node. */
  tensorOf(node: Node, operation: string): tf.Tensor;
  /** Another tensor with the same value. */
  alias(tensor: tf.TensorInfo): tf.TensorInfo;
  /** Runs with this backend current: switching takes tfjs a third of a millisecond, so several calls of `refer` belong inside. */
  whileCurrent<T>(run: () => T): T;
  /** Calls `use` with a tensor that represents a session variable: to make a tfjs variable of it, or to assign it to one. */
  refer<T>(variable: SessionVariable, use: (reference: tf.Tensor) => T): T;
  /** The session variable that this data represents. */
  variableOf(dataId: tf.DataId): SessionVariable | null;
  /** Drops the state's own reference, so that the data is freed with the variable. */
  release(variable: SessionVariable): void;
  /** The recording under way. @throws EngineError outside of one. */
  readonly recording: Recording;
  /** Whether XLA compiles parts of the recordings. */
  readonly usesXla: boolean;
}

/** The backend, not registered yet. */
export function createGraphBackend({ binding, info }: NativeEngine): GraphBackend {
  const engine = tf.engine();

  class Backend extends nodeKernelBackendClass() implements GraphBackend {
    readonly usesXla = info.xla;
    private readonly entries = new Entries();
    /** The recording under way, and the variables that it may assign. */
    private current: { recording: Recording; own: ReadonlySet<tf.Variable> } | null = null;

    get recording(): Recording {
      if (this.current !== null) return this.current.recording;
      throw new EngineError(
        `The backend '${GRAPH}' only records compiled functions; call compile(), or select another backend with tf.setBackend()`,
      );
    }

    record<T>(recording: Recording, own: ReadonlySet<tf.Variable>, record: () => T): T {
      if (this.current !== null)
        throw new EngineError(
          'compile: a compiled function cannot be called while another is recorded; call its plain function',
        );
      return onGraph(() => {
        this.current = { recording, own };
        try {
          return record();
        } finally {
          this.current = null;
        }
      });
    }

    nodeOf(tensor: tf.TensorInfo): Node {
      const { recording } = this;
      const entry = this.entries.get(tensor.dataId);
      if (entry === undefined) return this.capture(tensor);
      if (entry.kind === 'values') return recording.constant(entry.values, tensor.shape, entry.dtype);
      if (entry.kind === 'variable') {
        if (!entry.variable.isAlive)
          throw new EngineError(
            `The variable "${entry.variable.name}" was disposed and cannot be used${currentCaller()}`,
          );
        return entry.variable.node(recording);
      }
      if (entry.recording !== recording) {
        throw new EngineError(
          `The result of ${entry.operation} belongs to another recording${currentCaller()}; return it as an output and feed it as an input`,
        );
      }
      return entry.node;
    }

    tensorOf(node: Node, operation: string): tf.Tensor {
      return engine.makeTensorFromTensorInfo(this.infoOf(node, operation), this);
    }

    alias(tensor: tf.TensorInfo): tf.TensorInfo {
      return this.infoOf(this.nodeOf(tensor), 'Identity', tensor);
    }

    private infoOf(
      node: Node,
      operation: string,
      { shape, dtype }: Pick<tf.TensorInfo, 'shape' | 'dtype'> = node,
    ): tf.TensorInfo {
      const { recording } = this;
      const dataId = this.entries.add({ kind: 'node', refCount: 1, shape, dtype, node, recording, operation });
      return { dataId, shape, dtype };
    }

    whileCurrent<T>(run: () => T): T {
      return onGraph(run);
    }

    refer<T>(variable: SessionVariable, use: (reference: tf.Tensor) => T): T {
      const { dataId, shape, dtype } = variable;
      if (this.entries.get(dataId) !== undefined) this.incRef(dataId);
      else this.entries.add({ kind: 'variable', refCount: 2, shape, dtype, variable }, dataId); // one for the reference, one for the state
      return onGraph(() => {
        const reference = engine.makeTensorFromTensorInfo({ dataId, shape, dtype }, this);
        const result = use(reference);
        reference.dispose();
        return result;
      });
    }

    variableOf(dataId: tf.DataId): SessionVariable | null {
      const entry = this.entries.get(dataId);
      return entry?.kind === 'variable' ? entry.variable : null;
    }

    release({ dataId }: SessionVariable): void {
      this.disposeData(dataId);
    }

    override executeSingleOutput(
      name: string,
      attributes: readonly unknown[],
      inputs: readonly tf.TensorInfo[],
    ): tf.Tensor {
      const [output] = this.executeMultipleOutputs(name, attributes, inputs, 1);
      return output as tf.Tensor;
    }

    override executeMultipleOutputs(
      name: string,
      attributes: readonly unknown[],
      inputs: readonly tf.TensorInfo[],
      outputs: number,
    ): tf.Tensor[] {
      const nodes = inputs.map((input) => this.nodeOf(input));
      const results = this.recording.emit(name, nodes, attributes as readonly OperationAttribute[], outputs);
      return results.slice(0, outputs).map((node) => this.tensorOf(node, name));
    }

    override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
      const entry = this.entries.get(dataId);
      return entry?.kind === 'variable' ? (await entry.variable.read()).data : this.readSync(dataId);
    }

    override readSync(dataId: tf.DataId): tf.BackendValues {
      const entry = this.entries.get(dataId);
      if (entry?.kind === 'values') return entry.values;
      if (entry?.kind === 'variable') {
        throw new EngineError(
          `The variable "${entry.variable.name}" is held by a compiled state${currentCaller()}; await variable.data(), use it in a compiled function, or dispose the state`,
        );
      }
      const what = entry === undefined ? 'a tensor of another backend' : `the result of ${entry.operation}`;
      throw new EngineError(
        `A value was read in JavaScript while a function was being recorded: ${what}${currentCaller()}; nothing has been computed yet, so use tensor operations instead`,
      );
    }

    override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
      return this.entries.add({ kind: 'values', refCount: 1, shape, dtype, values });
    }

    override move(
      dataId: tf.DataId,
      values: tf.BackendValues,
      shape: number[],
      dtype: tf.DataType,
      refCount: number,
    ): void {
      this.entries.add({ kind: 'values', refCount, shape, dtype, values }, dataId);
    }

    override refCount(dataId: tf.DataId): number {
      return this.entries.get(dataId)?.refCount ?? 0;
    }

    override incRef(dataId: tf.DataId): void {
      const entry = this.entries.get(dataId);
      if (entry !== undefined) entry.refCount++;
      else this.ownerOf(dataId)?.incRef(dataId); // a captured tensor, assigned to a variable: tfjs asks the current backend
    }

    override disposeData(dataId: tf.DataId, force = false): boolean {
      return this.entries.release(dataId, force);
    }

    override numDataIds(): number {
      return this.entries.count;
    }

    /** The backend that has the data of a live tensor. */
    private ownerOf(dataId: tf.DataId): tf.KernelBackend | undefined {
      return (engine.state.tensorInfo as WeakMap<tf.DataId, { backend: tf.KernelBackend }>).get(dataId)?.backend;
    }

    /** A tensor of another backend: a constant of the graph. */
    private capture(tensor: tf.TensorInfo): Node {
      const { dataId, shape, dtype } = tensor;
      const variable = Object.values(engine.registeredVariables).find(
        (candidate) => candidate.dataId === dataId && this.current?.own.has(candidate) !== true, // own ones may have been assigned this tensor
      );
      if (variable !== undefined) {
        throw new EngineError(
          `The variable "${variable.name}" [${shape.join(', ')}] is not in the state of this function${currentCaller()}; give it to createState`,
        );
      }
      if ((tensor as tf.Tensor).isDisposed || this.ownerOf(dataId) === undefined) {
        throw new EngineError(`A disposed tensor [${shape.join(', ')}] cannot be used${currentCaller()}`);
      }
      const bytes = tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype);
      if (bytes > LARGEST_CAPTURE_BYTES) {
        throw new EngineError(
          `A tensor of ${bytes} bytes [${shape.join(', ')}] was captured${currentCaller()}; pass it as an input, or make it a variable of the state`,
        );
      }
      return this.recording.constant(
        typedArray(engine.readSync(dataId) as ArrayLike<number>, dtype as GraphDType),
        shape,
        dtype,
      );
    }
  }
  return new Backend(binding, GRAPH);
}

/** Runs with the graph backend current. Switching a registered synchronous backend takes effect at once. */
function onGraph<T>(run: () => T): T {
  const outer = tf.getBackend();
  if (outer === GRAPH) return run();
  void tf.setBackend(GRAPH);
  try {
    return run();
  } finally {
    void tf.setBackend(outer);
  }
}
