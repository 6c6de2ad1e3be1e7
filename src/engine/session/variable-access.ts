// Reads and writes the variables of one session. The variable's number is fed, so that variables of a kind share operations and one executor:
// TensorFlow builds an executor for each set of fetches, optimizing the whole graph, which at base size takes a fifth of a second.
import { fstatSync } from 'node:fs';
import { EngineError } from '../../errors.js';
import {
  firstOutput,
  TF_ATTR,
  TF_DTYPE,
  type FedValues,
  type Handle,
  type NativeArray,
  type NativeGraph,
  type NativeResult,
  type OperationAttribute,
  type OutputNumber,
} from '../load/addon.js';
import type { FloatsInFile } from '../../raw-tensor.js';
import { PACKINGS, type Packing } from '../recording/packed.js';
import { PathMap } from '../recording/path-map.js';
import { typeAttribute } from '../recording/tensorflow-values.js';

/** A resource of the session that holds an array, the transpose of a matrix, a packed matrix, or the location of a table in a file. */
export interface Resource {
  /** The output with its handle, for recordings. */
  readonly handle: OutputNumber;
  /** As TensorFlow numbers it. */
  readonly dtype: number;
  readonly isTransposed: boolean;
  /** How the matrix is packed; null where it is not. */
  readonly packing: Packing | null;
  /** Whether it holds a location. */
  readonly isInFile: boolean;
}

/** How a resource is read and written whose content is the array itself. */
export const PLAIN = { isTransposed: false, packing: null, isInFile: false } as const;

/** Operations that read any resource of a kind. */
interface Reader {
  number: OutputNumber;
  value: OutputNumber;
}

/** Operations that write into any resource of a kind. */
interface Writer extends Reader {
  assign: number;
}

/** Operations that write the values of a file into any resource of a kind; `value` is their location. */
interface FileWriter extends Writer {
  /** Whether all values are finite. */
  areFinite: OutputNumber;
}

/** Values of a file, and the shape that they have. */
export interface FileArray extends FloatsInFile {
  shape: readonly number[];
}

/** What operations on a resource depend on. */
type Kind = number | boolean | Packing | null;

function kindOf({ dtype, isTransposed, packing, isInFile }: Resource): Kind[] {
  return [dtype, isTransposed, packing, isInFile];
}

export class VariableAccess {
  /** The number to feed for a resource, by its handle. */
  private readonly numbers = new Map<OutputNumber, NativeArray>();
  /** By dtype and form; writers by the dtype of what is written, too. */
  private readonly readers = new PathMap<Kind, Reader>();
  private readonly writers = new PathMap<Kind, Writer>();
  private readonly fileWriters = new PathMap<Kind, FileWriter>();
  private operationCount = 0;

  constructor(private readonly graph: NativeGraph) {}

  /** Registers resources, which can then be read and written. @param targets further operations of the same run. */
  async enter(resources: readonly Resource[], feeds: FedValues = [], targets: readonly number[] = []): Promise<void> {
    if (resources.length === 0) return;
    const handles = resources.map(({ handle }) => handle);
    const held = await this.graph.hold(feeds, handles, targets);
    for (const [index, handle] of handles.entries()) {
      const number = this.graph.keepHandle(held[index] as Handle<'tensor'>);
      this.numbers.set(handle, { dtype: TF_DTYPE.int32, shape: [], data: Int32Array.of(number) });
    }
  }

  /** A copy of the value. */
  async read(resource: Resource): Promise<NativeResult> {
    const { feed, value } = this.reading(resource);
    const { results } = await this.graph.run([feed], [value], []);
    return results[0] as NativeResult;
  }

  /** The value without a copy: for a session that writes nothing any more. */
  async share(resource: Resource): Promise<NativeResult> {
    const { feed, value } = this.reading(resource);
    const [shared] = await this.graph.share([feed], [value]);
    return shared as NativeResult;
  }

  /**
   * Writes a value of `dtype`, cast and transposed to the resource's form. The array is copied before this returns.
   * @throws EngineError for a table that stays in its file
   */
  async write(resource: Resource, value: NativeArray, dtype: number): Promise<void> {
    const { feed, value: input, assign } = this.writing(resource, dtype);
    await this.graph.run([feed, [input, value]], [], [assign]);
  }

  /**
   * Writes values of a file, in the resource's form. They are never in an array as a whole where the matrix is packed; of a table that stays in its
   * file only the location is written, and the descriptor must stay open.
   */
  async writeFile(resource: Resource, { descriptor, offset, shape, onRead }: FileArray): Promise<void> {
    const writer = this.fileWriters.get(kindOf(resource), () => this.addFileWriter(resource));
    const { size, mtimeNs } = fstatSync(descriptor, { bigint: true });
    const numbers = BigUint64Array.from([descriptor, offset, size, mtimeNs, ...shape], BigInt);
    const location = { dtype: TF_DTYPE.uint64, shape: [numbers.length], data: numbers };
    const feeds: FedValues = [this.feedOf(resource, writer), [writer.value, location]];
    const { results } = await this.graph.run(feeds, [writer.areFinite], [writer.assign]);
    onRead(new Uint8Array(results[0]?.buffer ?? [])[0] === 1);
  }

  /** The content of a resource, unchanged, for `restore` in another session. */
  async hold(resource: Resource): Promise<Handle<'tensor'>> {
    const { feed, value } = this.reading({ ...resource, ...PLAIN });
    const [tensor] = await this.graph.hold([feed], [value]);
    return tensor as Handle<'tensor'>;
  }

  /** Sets a resource to what `hold` returned for it in another session. */
  async restore(resource: Resource, tensor: Handle<'tensor'>): Promise<void> {
    const { feed, value, assign } = this.writing({ ...resource, ...PLAIN }, resource.dtype);
    await this.graph.run([feed, [value, tensor]], [], [assign]);
  }

  private reading(resource: Resource): { feed: FedValues[number]; value: OutputNumber } {
    const reader = this.readers.get(kindOf(resource), () => this.addReader(resource));
    return { feed: this.feedOf(resource, reader), value: reader.value };
  }

  private writing(resource: Resource, dtype: number): { feed: FedValues[number]; value: OutputNumber; assign: number } {
    const writer = this.writers.get([...kindOf(resource), dtype], () => this.addWriter(resource, dtype));
    return { feed: this.feedOf(resource, writer), value: writer.value, assign: writer.assign };
  }

  private feedOf({ handle }: Resource, { number }: Reader): FedValues[number] {
    return [number, this.numbers.get(handle) as NativeArray]; // only entered resources are read
  }

  private addReader({ dtype, isTransposed, packing, isInFile, handle }: Resource): Reader {
    const { number, variable } = this.addVariable(handle);
    const stored = firstOutput(this.add('ReadVariableOp', [variable], [typeAttribute('dtype', dtype)]));
    if (isInFile) return { number, value: firstOutput(this.add('VisualbertReadFile', [stored], [])) };
    if (packing !== null) return { number, value: firstOutput(this.add('VisualbertUnpack', [stored], [])) };
    return { number, value: isTransposed ? this.addTranspose(stored) : stored };
  }

  private addWriter({ dtype: stored, isTransposed, packing, isInFile, handle }: Resource, dtype: number): Writer {
    if (isInFile) throw new EngineError('they stay in a file; leave the table out of readOnly.tables to write it');
    const { number, variable } = this.addVariable(handle);
    const value = this.addPlaceholder(dtype);
    const kept =
      packing === null
        ? this.addCast(value, isTransposed, dtype, stored)
        : firstOutput(this.addPack('VisualbertPack', value, packing));
    return { number, value, assign: this.addAssign(variable, kept, stored) };
  }

  private addFileWriter({ dtype: stored, isTransposed, packing, isInFile, handle }: Resource): FileWriter {
    const { number, variable } = this.addVariable(handle);
    const value = this.addPlaceholder(TF_DTYPE.uint64);
    if (isInFile) {
      const areFinite = firstOutput(this.add('VisualbertScanFile', [value], []));
      return { number, value, assign: this.addAssign(variable, value, stored), areFinite };
    }
    const { outputs } =
      packing === null
        ? this.add('VisualbertReadFile', [value], [])
        : this.addPack('VisualbertPackFile', value, packing);
    const [read, areFinite] = outputs.map((output) => output.number) as [OutputNumber, OutputNumber];
    const kept = packing === null ? this.addCast(read, isTransposed, TF_DTYPE.float32, stored) : read;
    return { number, value, assign: this.addAssign(variable, kept, stored), areFinite };
  }

  private addAssign(variable: OutputNumber, value: OutputNumber, dtype: number): number {
    return this.add('AssignVariableOp', [variable, value], [typeAttribute('dtype', dtype)]).operation;
  }

  private addCast(value: OutputNumber, isTransposed: boolean, dtype: number, stored: number): OutputNumber {
    const turned = isTransposed ? this.addTranspose(value) : value;
    return dtype === stored ? turned : firstOutput(this.add('Cast', [turned], [typeAttribute('DstT', stored)]));
  }

  private addPack(type: string, input: OutputNumber, packing: Packing): ReturnType<NativeGraph['add']> {
    return this.add(type, [input], [{ name: 'packing', type: TF_ATTR.int, value: PACKINGS[packing] }]);
  }

  /** A variable chosen by a fed number, on the device of `handle`; operations that use it run there too. */
  private addVariable(handle: OutputNumber): { number: OutputNumber; variable: OutputNumber } {
    const number = this.addPlaceholder(TF_DTYPE.int32);
    return {
      number,
      variable: firstOutput(this.add('VisualbertVariable', [number], [], this.graph.operationOf(handle))),
    };
  }

  private addPlaceholder(dtype: number): OutputNumber {
    return firstOutput(this.add('Placeholder', [], [typeAttribute('dtype', dtype)]));
  }

  private addTranspose(matrix: OutputNumber): OutputNumber {
    const order = { dtype: TF_DTYPE.int32, shape: [2], data: Int32Array.of(1, 0) };
    const value = { name: 'value', type: TF_ATTR.tensor, value: order };
    const perm = firstOutput(this.add('Const', [], [typeAttribute('dtype', TF_DTYPE.int32), value]));
    return firstOutput(this.add('Transpose', [matrix, perm], []));
  }

  private add(
    type: string,
    inputs: readonly OutputNumber[],
    attributes: readonly OperationAttribute[],
    colocated?: number,
  ): ReturnType<NativeGraph['add']> {
    return this.graph.add(type, `access/${type}_${this.operationCount++}`, inputs, attributes, [], colocated);
  }
}
