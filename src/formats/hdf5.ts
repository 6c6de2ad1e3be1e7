// Reads HDF5 through h5wasm, an optional package: rows of a dataset, never a whole file.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type * as H5 from 'h5wasm';
import { DataError, errorMessage } from '../errors.js';
import { sizeOf } from '../shapes.js';
import { decodeArray, type NumericArray } from './npy.js';

/** An open HDF5 file. Paths have the form `features` or `<group>/features`. */
export interface Hdf5File {
  readonly name: string;
  /** Names in a group; '' is the root. */
  namesIn(group: string): string[];
  /** The shape of a dataset; null for anything else. */
  shapeOf(path: string): readonly number[] | null;
  /** Rows `[from, to)` along the first axis; all of them when no range is given. @throws DataError for anything but numbers. */
  numbers(path: string, from?: number, to?: number): NumericArray;
  /** Whole numbers of any size, or texts, which float32 cannot hold. */
  ids(path: string): string[];
  close(): Promise<void>;
}

/** What HDF5 files begin with; they may have a user block before it, which no feature file has. */
const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
/** No image has more values; a larger slice comes from a damaged or hostile shape. */
const MAX_VALUES = 1 << 28;

/** Whether a file begins as HDF5 does. */
export function isHdf5(head: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => head[i] === byte);
}

/**
 * Opens an HDF5 file. The library sees only this file, in a virtual file system: links and raw data in other files cannot be read.
 * @throws DataError when h5wasm is not installed or the file is damaged.
 */
export async function openHdf5(path: string): Promise<Hdf5File> {
  const { File, ready } = await importH5wasm(path);
  const module = await ready;
  module.activate_throwing_error_handler(); // otherwise it prints errors
  const fs = module.FS as unknown as FileSystem;
  const fd = openSync(path, 'r');
  const mounted = mountFile(fs, fd);
  const close = async (): Promise<void> => {
    fs.unlink(mounted);
    closeSync(fd);
  };
  const attempt = <T>(what: string, run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (error instanceof DataError) throw error;
      const reason = /^\s*#\d+: .*\(\): (.*)$/m.exec(errorMessage(error))?.[1] ?? errorMessage(error);
      throw new DataError(`${path}: ${what} could not be read (${reason}); the HDF5 file is damaged`);
    }
  };
  let file: H5.File;
  try {
    file = attempt('its beginning', () => new File(mounted, 'r'));
  } catch (error) {
    await close();
    throw error;
  }
  const dataset = (name: string): H5.Dataset | null => {
    const entity = file.get(name);
    return entity !== null && 'slice' in entity ? entity : null;
  };
  return {
    name: path,
    namesIn: (group) =>
      attempt(group || 'its root', () => {
        const entity = group === '' ? file : file.get(group);
        return entity !== null && 'keys' in entity ? entity.keys() : [];
      }),
    shapeOf: (name) => attempt(name, () => dataset(name)?.shape ?? null),
    numbers: (name, from, to) =>
      attempt(name, () => {
        const data = dataset(name);
        if (data === null || data.shape === null) throw new DataError(`${path}: has no dataset ${name}`);
        const first = from ?? 0;
        const shape = from === undefined ? data.shape : [(to ?? first + 1) - first, ...data.shape.slice(1)];
        const count = requireFewValues(shape, `${path}, ${name}`);
        const layout = { dtype: dtypeOf(data, `${path}, ${name}`), fortranOrder: false, shape };
        const bytes = readRows(module, data, first, shape, count * data.metadata.size);
        return decodeArray(layout, bytes, `${path}, ${name}`);
      }),
    ids: (name) =>
      attempt(name, () => {
        const data = dataset(name);
        requireFewValues(data?.shape ?? [], `${path}, ${name}`);
        const values = data?.value;
        return values !== null && typeof values === 'object' && Symbol.iterator in values
          ? [...(values as Iterable<unknown>)].map(String)
          : [];
      }),
    close: async () => {
      try {
        attempt('its end', () => file.close());
      } finally {
        await close();
      }
    },
  };
}

/** The number of values of a shape. @throws DataError when it is more than any image has. */
function requireFewValues(shape: readonly number[], where: string): number {
  const count = sizeOf(shape);
  if (count <= MAX_VALUES) return count;
  throw new DataError(`${where}: [${shape.join(', ')}] is too large for one image`);
}

async function importH5wasm(path: string): Promise<typeof H5> {
  try {
    return await import('h5wasm');
  } catch (error) {
    throw new DataError(
      `${path}: HDF5 files are read by the package h5wasm, which is not installed; run \`npm install h5wasm\` (${errorMessage(error)})`,
    );
  }
}

/** The parts of Emscripten's file system that give a file other bytes; its own types lack them. */
interface FileSystem {
  createFile(
    parent: string,
    name: string,
    properties: object,
    canRead: boolean,
    canWrite: boolean,
  ): { node_ops: { getattr(node: unknown): object }; stream_ops: object };
  unlink(path: string): void;
}

/** Puts an open file into the library's file system: its reads become reads at an offset of the descriptor. */
function mountFile(fs: FileSystem, fd: number): string {
  const { size } = fstatSync(fd);
  const name = `features-${fd}`;
  const node = fs.createFile('/', name, {}, true, false);
  const { getattr } = node.node_ops;
  node.node_ops = { ...node.node_ops, getattr: (inner) => ({ ...getattr(inner), size }) };
  node.stream_ops = {
    ...node.stream_ops,
    read: (_stream: unknown, target: Uint8Array, offset: number, length: number, position: number) =>
      readSync(fd, target, offset, length, position),
    llseek: ({ position }: { position: number }, offset: number, whence: 0 | 1 | 2) =>
      offset + ([0, position, size] as const)[whence],
  };
  return `/${name}`;
}

type Module = Awaited<typeof H5.ready>;

/** HDF5's classes of numbers, and numpy's letters for them. */
const NUMBER_CLASSES: readonly (readonly [signed: string, unsigned: string])[] = [
  ['i', 'u'],
  ['f', 'f'],
];

/** The dtype of a dataset as the library returns it: always little endian. */
function dtypeOf({ metadata: { type, size, signed } }: H5.Dataset, where: string): string {
  const letters = NUMBER_CLASSES[type];
  if (letters === undefined) throw new DataError(`${where}: expected a dataset of numbers, found HDF5's class ${type}`);
  return `<${letters[signed || type === 1 ? 0 : 1]}${size}`;
}

/** The bytes of rows: `Dataset.slice` has no half floats. */
function readRows(
  module: Module,
  { file_id: file, path }: H5.Dataset,
  from: number,
  shape: readonly number[],
  byteLength: number,
): Uint8Array {
  const address = module._malloc(byteLength);
  if (address === 0) throw new Error(`no memory for ${byteLength} bytes`);
  try {
    const isScalar = shape.length === 0;
    const count = isScalar ? null : shape.map(BigInt);
    const offset = isScalar ? null : shape.map((_, axis) => (axis === 0 ? BigInt(from) : 0n));
    const strides = isScalar ? null : shape.map(() => 1n);
    module.get_dataset_data(file, path, count, offset, strides, BigInt(address));
    return module.HEAPU8.slice(address, address + byteLength);
  } finally {
    module._free(address);
  }
}
